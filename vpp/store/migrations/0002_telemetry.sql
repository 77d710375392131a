-- What was read. One row per asset, metric and time; a partition per UTC day, made ahead.

CREATE TABLE vpp.telemetry (
    asset_key  integer NOT NULL,
    metric_key smallint NOT NULL,
    at         timestamptz NOT NULL,
    value      double precision,
    quality    smallint NOT NULL,
    PRIMARY KEY (asset_key, metric_key, at)
) PARTITION BY RANGE (at);
COMMENT ON TABLE vpp.telemetry IS 'Readings. No foreign keys: the store looks both keys up, and assets are never deleted.';
COMMENT ON COLUMN vpp.telemetry.at IS 'When the device was read.';
COMMENT ON COLUMN vpp.telemetry.value IS 'In the unit the metric names; powers are injection-positive: generation, discharge, export > 0. NULL: missing.';
COMMENT ON COLUMN vpp.telemetry.quality IS '0 good, 1 substituted, 2 suspect, 3 stale, 4 missing, 5 bad: the worst of several is the greatest.';

CREATE TABLE vpp.telemetry_other PARTITION OF vpp.telemetry DEFAULT;
COMMENT ON TABLE vpp.telemetry_other IS 'Readings of days that have no partition yet; they move when it is made.';

CREATE TABLE vpp.latest (
    asset_key  integer NOT NULL,
    metric_key smallint NOT NULL,
    at         timestamptz NOT NULL,
    value      double precision,
    quality    smallint NOT NULL,
    PRIMARY KEY (asset_key, metric_key)
) WITH (fillfactor = 50);
COMMENT ON TABLE vpp.latest IS 'The newest reading of each asset and metric, whatever its quality; columns as in telemetry.';
