-- What there is: owners, assets, metrics, series.
-- All times are timestamptz in UTC and name the start of an interval; power is in kW, energy in kWh.

CREATE FUNCTION vpp.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table %: % is refused; allowed: INSERT', TG_TABLE_NAME, TG_OP USING ERRCODE = 'integrity_constraint_violation';
END $$;
COMMENT ON FUNCTION vpp.refuse_change IS 'Trigger of the tables that are only ever added to.';

CREATE TABLE vpp.owner (
    owner_key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name      text NOT NULL UNIQUE
);
COMMENT ON TABLE vpp.owner IS 'Whose assets they are.';
COMMENT ON COLUMN vpp.owner.name IS 'Replaced by a pseudonym when the person is erased.';

CREATE TABLE vpp.asset (
    asset_key  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         text NOT NULL UNIQUE,
    owner_key  integer REFERENCES vpp.owner,
    owned_from timestamptz,
    kind       text NOT NULL,
    node       text,
    heat_node  text,
    nameplate  jsonb NOT NULL,
    outlook    jsonb NOT NULL,
    profile    text,
    address    text,
    valid_from timestamptz NOT NULL,
    valid_to   timestamptz,
    CHECK (valid_to >= valid_from),
    CHECK (owner_key IS NULL OR owned_from IS NOT NULL)
);
COMMENT ON TABLE vpp.asset IS 'Every asset as it is now. Never deleted: a retired one has valid_to.';
COMMENT ON COLUMN vpp.asset.asset_key IS 'Short key of the telemetry; never given twice.';
COMMENT ON COLUMN vpp.asset.id IS 'The name all of the platform knows it by.';
COMMENT ON COLUMN vpp.asset.owner_key IS 'NULL: the utility itself.';
COMMENT ON COLUMN vpp.asset.owned_from IS 'Since when it is the owner''s: what was read before was somebody else''s.';
COMMENT ON COLUMN vpp.asset.kind IS 'Asset type: battery, pv …';
COMMENT ON COLUMN vpp.asset.node IS 'Electricity node; power into it is positive.';
COMMENT ON COLUMN vpp.asset.heat_node IS 'Heat node; heat into it is positive.';
COMMENT ON COLUMN vpp.asset.nameplate IS 'Columns of the asset type''s nameplate; each names its unit.';
COMMENT ON COLUMN vpp.asset.outlook IS 'Columns of the asset type''s outlook; each names its unit.';
COMMENT ON COLUMN vpp.asset.profile IS 'Device profile; NULL: no device is read.';
COMMENT ON COLUMN vpp.asset.address IS 'host:port/unit of the device.';
COMMENT ON COLUMN vpp.asset.valid_from IS 'Since when it is as this row says.';
COMMENT ON COLUMN vpp.asset.valid_to IS 'When it was retired; NULL: in use.';

CREATE INDEX asset_by_owner ON vpp.asset (owner_key);

CREATE TABLE vpp.asset_before (
    asset_key  integer NOT NULL REFERENCES vpp.asset,
    valid_from timestamptz NOT NULL,
    valid_to   timestamptz NOT NULL,
    owner_key  integer REFERENCES vpp.owner,
    owned_from timestamptz,
    node       text,
    heat_node  text,
    nameplate  jsonb NOT NULL,
    outlook    jsonb NOT NULL,
    profile    text,
    address    text,
    PRIMARY KEY (asset_key, valid_from)
);
COMMENT ON TABLE vpp.asset_before IS 'What an asset was, from valid_from until just before valid_to.';

CREATE TABLE vpp.metric (
    metric_key smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    point      text NOT NULL UNIQUE,
    core       smallint UNIQUE
);
COMMENT ON TABLE vpp.metric IS 'Points that are read.';
COMMENT ON COLUMN vpp.metric.core IS 'Place of its quality in the wide table; NULL: it is kept in the narrow one.';
INSERT INTO vpp.metric (point, core) VALUES
    ('power_kw', 0), ('heat_kw', 1), ('soc', 2), ('energy_kwh', 3), ('voltage_v', 4), ('temperature_degc', 5);

COMMENT ON COLUMN vpp.metric.point IS 'Canonical name with its unit: power_kw (injection-positive), soc (0 … 1), energy_kwh.';

CREATE TABLE vpp.series (
    series_key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL UNIQUE
);
COMMENT ON TABLE vpp.series IS 'Prices and forecasts by name; the name ends in the unit: day_ahead_eur_per_mwh.';
