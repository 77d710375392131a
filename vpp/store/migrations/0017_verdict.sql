-- What became of the orders, per asset and quarter-hour.

CREATE TABLE vpp.verdict (
    asset_id    text NOT NULL,
    start       timestamptz NOT NULL CHECK (date_bin('15 minutes', start, 'epoch') = start),
    verdict     text NOT NULL CHECK (verdict IN ('followed', 'late', 'refused', 'overridden', 'uncertain')),
    setpoint_id uuid NOT NULL REFERENCES vpp.setpoint,
    detail      text NOT NULL,
    PRIMARY KEY (asset_id, start)
);
COMMENT ON TABLE vpp.verdict IS 'Whether an asset followed its orders in a quarter-hour; judged anew when events come late.';
COMMENT ON COLUMN vpp.verdict.start IS 'Of the quarter-hour.';
COMMENT ON COLUMN vpp.verdict.verdict IS 'followed, late, refused, overridden or uncertain: the worst of its orders.';
COMMENT ON COLUMN vpp.verdict.setpoint_id IS 'The order that decided it.';
COMMENT ON COLUMN vpp.verdict.detail IS 'Why it was not followed; empty: it was.';
CREATE INDEX verdict_by_start ON vpp.verdict (start);

ALTER TABLE vpp.verdict ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON vpp.verdict FOR SELECT USING (
    EXISTS (SELECT FROM vpp.own_asset_key own WHERE own.id = asset_id AND start >= own.owned_from)
);
