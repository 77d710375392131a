-- The live platform: the grid it plans, what was planned and pushed, who intervened, what its parts are doing.

DO $$ BEGIN
    IF to_regclass('vpp.reading') IS NULL THEN
        CREATE VIEW vpp.reading AS SELECT asset_key, metric_key, at, value, quality FROM vpp.telemetry;
        COMMENT ON VIEW vpp.reading IS 'All readings, one row per asset, metric and time, wherever they are kept.';
    END IF;
END $$;

CREATE TABLE vpp.grid (
    valid_from timestamptz PRIMARY KEY,
    nodes      jsonb NOT NULL,
    market     jsonb NOT NULL,
    groups     jsonb NOT NULL
);
COMMENT ON TABLE vpp.grid IS 'Nodes, market and groups of the live case, as rows of the case format; the newest counts.';
COMMENT ON COLUMN vpp.grid.market IS 'Keys of [market]; a text names a series of forecasts.';

CREATE TABLE vpp.dispatch (
    kind         text NOT NULL,
    start        timestamptz NOT NULL,
    cause        text NOT NULL,
    delivery_day date NOT NULL,
    run_id       uuid REFERENCES vpp.run,
    label        text NOT NULL,
    why          text NOT NULL,
    planned      timestamptz NOT NULL,
    orders       integer NOT NULL CHECK (orders >= 0),
    PRIMARY KEY (kind, start, cause)
);
COMMENT ON TABLE vpp.dispatch IS 'What was planned and pushed: one row per identity, written in one transaction with its run and its orders.';
COMMENT ON COLUMN vpp.dispatch.kind IS 'day_ahead (start: of the delivery day), intraday (start: of the quarter-hour), event.';
COMMENT ON COLUMN vpp.dispatch.cause IS 'Empty, or what asked for a re-plan within the quarter-hour.';
COMMENT ON COLUMN vpp.dispatch.delivery_day IS 'Local market day of start.';
COMMENT ON COLUMN vpp.dispatch.run_id IS 'The plan; NULL: none was made, and why says what the devices did instead.';
COMMENT ON COLUMN vpp.dispatch.label IS 'optimal, feasible, relaxed, previous or safe.';
COMMENT ON COLUMN vpp.dispatch.orders IS 'Setpoints that were pushed with it.';
CREATE INDEX dispatch_by_start ON vpp.dispatch (start);
CREATE TRIGGER dispatch_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON vpp.dispatch
    FOR EACH STATEMENT EXECUTE FUNCTION vpp.refuse_change();

CREATE TABLE vpp.override (
    override_id   uuid PRIMARY KEY,
    kind          text NOT NULL CHECK (kind IN ('lock', 'exclude', 'limit')),
    target        text NOT NULL,
    value_kw      double precision,
    max_import_kw double precision CHECK (max_import_kw >= 0),
    max_export_kw double precision CHECK (max_export_kw >= 0),
    start         timestamptz NOT NULL,
    until         timestamptz NOT NULL,
    author        text NOT NULL,
    reason        text NOT NULL,
    created       timestamptz NOT NULL,
    ended         timestamptz,
    ended_by      text,
    CHECK (until > start)
);
COMMENT ON TABLE vpp.override IS 'What a person decided instead of the optimiser, with an author, a reason and an end.';
COMMENT ON COLUMN vpp.override.kind IS 'lock: this power; exclude: no orders; limit: at most this power.';
COMMENT ON COLUMN vpp.override.target IS 'Asset; for a limit also a group or a node.';
COMMENT ON COLUMN vpp.override.value_kw IS 'Locked power, kW, injection-positive (heat_kw for an asset without an electricity node).';
COMMENT ON COLUMN vpp.override.ended IS 'When it was taken back; NULL: it ends by itself.';
CREATE INDEX override_by_until ON vpp.override (until);

CREATE TABLE vpp.part (
    name    text PRIMARY KEY,
    at      timestamptz NOT NULL,
    saying  text NOT NULL,
    details jsonb NOT NULL
);
COMMENT ON TABLE vpp.part IS 'What each part of the platform is doing, in its own words.';
