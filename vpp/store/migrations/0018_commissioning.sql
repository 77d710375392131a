-- Signed protocols of commissioning, with the asset.

CREATE TABLE vpp.commissioning (
    asset_id  text NOT NULL,
    started   timestamptz NOT NULL,
    ended     timestamptz NOT NULL CHECK (ended >= started),
    passed    boolean NOT NULL,
    signed_by text NOT NULL CHECK (signed_by <> ''),
    protocol  jsonb NOT NULL,
    documents jsonb NOT NULL,
    PRIMARY KEY (asset_id, started)
);
COMMENT ON TABLE vpp.commissioning IS 'What was proved on a device, step by step, and who stands for it.';
COMMENT ON COLUMN vpp.commissioning.protocol IS 'Every step with time, outcome and detail.';
COMMENT ON COLUMN vpp.commissioning.documents IS 'The same for people: text.de, html.de, text.en, html.en.';
CREATE TRIGGER commissioning_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON vpp.commissioning
    FOR EACH STATEMENT EXECUTE FUNCTION vpp.refuse_change();

ALTER TABLE vpp.commissioning ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON vpp.commissioning FOR SELECT USING (
    EXISTS (SELECT FROM vpp.own_asset_key own WHERE own.id = asset_id AND started >= own.owned_from)
);
