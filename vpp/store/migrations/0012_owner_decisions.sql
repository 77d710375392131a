-- An owner's decisions, below the API: an owner sees and makes overrides of own assets only.

ALTER TABLE vpp.override ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON vpp.override FOR SELECT USING (
    target IN (SELECT own.id FROM vpp.own_asset_key own) AND until >= (SELECT own.owned_from FROM vpp.own_asset_key own WHERE own.id = target)
);
CREATE POLICY own_new ON vpp.override FOR INSERT WITH CHECK (
    kind = 'exclude' AND target IN (SELECT own.id FROM vpp.own_asset_key own)
);
CREATE POLICY own_end ON vpp.override FOR UPDATE USING (
    kind = 'exclude' AND target IN (SELECT own.id FROM vpp.own_asset_key own)
);

CREATE VIEW vpp.own_price WITH (security_barrier) AS
SELECT c.series, c.start, c.value, c.recorded, c.source, c.licence
FROM vpp.price_current c JOIN vpp.series s ON s.name = c.series
WHERE (SELECT vpp.owner_key()) IS NOT NULL AND coalesce(s.owner_key = (SELECT vpp.owner_key()), true);
COMMENT ON VIEW vpp.own_price IS 'Prices of the utility, which everybody may know, and those that are the owner''s alone.';
