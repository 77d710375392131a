-- An owner sees what is the owner's. Row-level security on the small tables; on telemetry only views, because it leaks
-- through the chunks of a hypertable and shuts out its columnstore. Roles and grants: vpp.store.owners.

CREATE TABLE vpp.owner_login (
    login     name PRIMARY KEY,
    owner_key integer NOT NULL REFERENCES vpp.owner
);
COMMENT ON TABLE vpp.owner_login IS 'Database logins of owners: such a login is that owner, whatever it sets.';

CREATE FUNCTION vpp.owner_key() RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT CASE
        WHEN EXISTS (SELECT FROM vpp.owner_login WHERE login = session_user)
        THEN (SELECT owner_key FROM vpp.owner_login WHERE login = session_user)
        WHEN pg_has_role(session_user, (SELECT relowner FROM pg_class WHERE oid = 'vpp.asset'::regclass), 'MEMBER')
        THEN nullif(current_setting('vpp.owner', true), '')::integer
    END
$$;
COMMENT ON FUNCTION vpp.owner_key IS
    'Whose data this session may see. The setting vpp.owner counts only for the platform''s own login; NULL: nobody''s.';

CREATE VIEW vpp.own_asset_key WITH (security_barrier) AS
SELECT asset_key, id, owned_from FROM vpp.asset WHERE owner_key = (SELECT vpp.owner_key());
COMMENT ON VIEW vpp.own_asset_key IS 'Keys of the owner''s assets.';

CREATE VIEW vpp.own_reading WITH (security_barrier) AS
SELECT own.id AS asset_id, m.point, r.at, r.value, r.quality
FROM vpp.reading r JOIN vpp.own_asset_key own USING (asset_key) JOIN vpp.metric m USING (metric_key) WHERE r.at >= own.owned_from;
COMMENT ON VIEW vpp.own_reading IS 'Readings of the owner''s assets since they are the owner''s.';

CREATE VIEW vpp.own_latest WITH (security_barrier) AS
SELECT own.id AS asset_id, m.point, r.at, r.value, r.quality
FROM vpp.latest r JOIN vpp.own_asset_key own USING (asset_key) JOIN vpp.metric m USING (metric_key) WHERE r.at >= own.owned_from;
COMMENT ON VIEW vpp.own_latest IS 'The newest reading of each of the owner''s points.';

CREATE VIEW vpp.own_15m WITH (security_barrier) AS
SELECT own.id AS asset_id, m.point, r.start, r.sum / nullif(r.n, 0) AS mean, r.min, r.max, r.n, r.missing, r.quality
FROM vpp.telemetry_15m r JOIN vpp.own_asset_key own USING (asset_key) JOIN vpp.metric m USING (metric_key)
WHERE r.start >= own.owned_from;
COMMENT ON VIEW vpp.own_15m IS 'Quarter-hours of the owner''s assets.';

ALTER TABLE vpp.asset ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON vpp.asset FOR SELECT USING (owner_key = (SELECT vpp.owner_key()));

ALTER TABLE vpp.asset_before ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON vpp.asset_before FOR SELECT USING (
    owner_key = (SELECT vpp.owner_key()) AND asset_key IN (SELECT asset_key FROM vpp.own_asset_key)
);

ALTER TABLE vpp.owner ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON vpp.owner FOR SELECT USING (owner_key = (SELECT vpp.owner_key()));

ALTER TABLE vpp.setpoint ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON vpp.setpoint FOR SELECT USING (
    EXISTS (SELECT FROM vpp.own_asset_key own WHERE own.id = asset_id AND expires_at >= own.owned_from)
);

ALTER TABLE vpp.setpoint_event ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON vpp.setpoint_event FOR SELECT USING (setpoint_id IN (SELECT s.setpoint_id FROM vpp.setpoint s));

ALTER TABLE vpp.schedule ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON vpp.schedule FOR SELECT USING (
    EXISTS (SELECT FROM vpp.own_asset_key own WHERE own.id = asset_id AND start >= own.owned_from)
);

ALTER TABLE vpp.series ADD COLUMN owner_key integer REFERENCES vpp.owner;
COMMENT ON COLUMN vpp.series.owner_key IS 'Whose alone it is; NULL: of the utility.';
ALTER TABLE vpp.series ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON vpp.series FOR SELECT USING (owner_key = (SELECT vpp.owner_key()));
ALTER TABLE vpp.forecast ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON vpp.forecast FOR SELECT USING (series_key IN (SELECT s.series_key FROM vpp.series s));
