-- What is read from the telemetry all the time.

COMMENT ON TABLE vpp.telemetry IS 'Readings of all signals but the core ones.';
COMMENT ON TABLE vpp.telemetry_core IS 'Readings of the core signals: one row per asset and time.';
COMMENT ON TABLE vpp.telemetry_15m IS 'Quarter-hours of all signals, made by the roll-up job from the readings.';

CREATE VIEW vpp.reading AS
SELECT asset_key, metric_key, at, value, quality FROM vpp.telemetry
UNION ALL
SELECT c.asset_key, m.metric_key, c.at, signal.value, (((c.qualities >> (4 * signal.core)) & 15) - 1)::smallint
FROM vpp.telemetry_core c
CROSS JOIN LATERAL (VALUES
    (0, c.power_kw), (1, c.heat_kw), (2, c.soc), (3, c.energy_kwh), (4, c.voltage_v), (5, c.temperature_degc)
) AS signal (core, value)
JOIN vpp.metric m ON m.core = signal.core
WHERE (c.qualities >> (4 * signal.core)) & 15 > 0;
COMMENT ON VIEW vpp.reading IS 'All readings, one row per asset, metric and time, wherever they are kept.';

CREATE TABLE vpp.latest (
    asset_key  integer NOT NULL,
    metric_key smallint NOT NULL,
    at         timestamptz NOT NULL,
    value      double precision,
    quality    smallint NOT NULL,
    received   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (asset_key, metric_key)
) WITH (fillfactor = 50);
COMMENT ON TABLE vpp.latest IS 'The newest reading of each asset and metric, whatever its quality; columns as in telemetry.';
COMMENT ON COLUMN vpp.latest.received IS 'When it came to the database: late data show.';

CREATE TABLE vpp.dirty (
    asset_key integer NOT NULL,
    hour      timestamptz NOT NULL
);
COMMENT ON TABLE vpp.dirty IS
    'Hours with new readings since they were rolled up. A mark is written with its readings and without a key, so that nobody waits and none is missed: whoever sees the mark sees the readings.';

CREATE TABLE vpp.dropped (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    before timestamptz NOT NULL
);
COMMENT ON TABLE vpp.dropped IS 'Raw readings before this time were dropped by the retention; their roll-ups are not made again.';
