-- What was read. A row per asset, metric and time; the signals nearly every device has lie in one wide row per asset and time,
-- a quarter of the space. A partition per UTC day (roll-up: month), made ahead; hypertables where TimescaleDB is there.
-- No foreign keys: the store looks keys up, and assets are never deleted.

CREATE TABLE vpp.telemetry (
    asset_key  integer NOT NULL,
    metric_key smallint NOT NULL,
    at         timestamptz NOT NULL,
    value      double precision,
    quality    smallint NOT NULL,
    PRIMARY KEY (asset_key, metric_key, at)
) PARTITION BY RANGE (at);
COMMENT ON COLUMN vpp.telemetry.at IS 'When the device was read.';
COMMENT ON COLUMN vpp.telemetry.value IS 'In the unit the metric names; powers are injection-positive: generation, discharge, export > 0. NULL: missing.';
COMMENT ON COLUMN vpp.telemetry.quality IS '0 good, 1 substituted, 2 suspect, 3 stale, 4 missing, 5 bad: the worst of several is the greatest.';

CREATE TABLE vpp.telemetry_core (
    asset_key        integer NOT NULL,
    at               timestamptz NOT NULL,
    qualities        integer NOT NULL,
    power_kw         double precision,
    heat_kw          double precision,
    soc              double precision,
    energy_kwh       double precision,
    voltage_v        double precision,
    temperature_degc double precision,
    PRIMARY KEY (asset_key, at)
) PARTITION BY RANGE (at);
COMMENT ON COLUMN vpp.telemetry_core.at IS 'When the device was read.';
COMMENT ON COLUMN vpp.telemetry_core.qualities IS
    'Four bits per signal, at 4 × metric.core: 0 was not read, else 1 + quality as in telemetry.';
COMMENT ON COLUMN vpp.telemetry_core.power_kw IS 'Injection-positive: generation, discharge, export > 0. NULL: missing.';

CREATE TABLE vpp.telemetry_15m (
    asset_key  integer NOT NULL,
    metric_key smallint NOT NULL,
    start      timestamptz NOT NULL,
    sum        double precision NOT NULL,
    n          integer NOT NULL,
    min        double precision,
    max        double precision,
    missing    integer NOT NULL,
    quality    smallint NOT NULL,
    PRIMARY KEY (asset_key, metric_key, start)
) PARTITION BY RANGE (start);
COMMENT ON COLUMN vpp.telemetry_15m.start IS 'Start of the quarter-hour.';
COMMENT ON COLUMN vpp.telemetry_15m.sum IS 'Of the values that are there, in the unit the metric names; their mean is sum / n.';
COMMENT ON COLUMN vpp.telemetry_15m.n IS 'Readings with a value.';
COMMENT ON COLUMN vpp.telemetry_15m.missing IS 'Readings without a value.';
COMMENT ON COLUMN vpp.telemetry_15m.quality IS 'The worst of them, as in telemetry.';
CREATE INDEX telemetry_15m_by_start ON vpp.telemetry_15m USING brin (start);

CREATE TABLE vpp.telemetry_other PARTITION OF vpp.telemetry DEFAULT;
CREATE TABLE vpp.telemetry_core_other PARTITION OF vpp.telemetry_core DEFAULT;
CREATE TABLE vpp.telemetry_15m_other PARTITION OF vpp.telemetry_15m DEFAULT;
COMMENT ON TABLE vpp.telemetry_other IS 'Readings of days that have no partition yet; they move when it is made.';
COMMENT ON TABLE vpp.telemetry_core_other IS 'Readings of days that have no partition yet; they move when it is made.';
COMMENT ON TABLE vpp.telemetry_15m_other IS 'Roll-ups of months that have no partition yet; they move when it is made.';
