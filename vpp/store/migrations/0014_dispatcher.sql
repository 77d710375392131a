-- The dispatcher's day: why a plan does what it does, who released what, and what one shift tells the next.

CREATE TABLE vpp.reason (
    run_id   uuid NOT NULL REFERENCES vpp.run ON DELETE CASCADE,
    asset_id text NOT NULL,
    reasons  jsonb NOT NULL,
    PRIMARY KEY (run_id, asset_id)
);
COMMENT ON TABLE vpp.reason IS 'Why each asset does what it does in a plan: one row per run and asset.';
COMMENT ON COLUMN vpp.reason.reasons IS 'List of [start, end, code, sentence] in the order of time; times ISO 8601.';

CREATE TABLE vpp.release (
    release_id   uuid PRIMARY KEY,
    delivery_day date NOT NULL,
    run_id       uuid NOT NULL REFERENCES vpp.run,
    author       text NOT NULL,
    released     timestamptz NOT NULL,
    note         text NOT NULL
);
COMMENT ON TABLE vpp.release IS 'Plans that a dispatcher released; the newest of a delivery day is the position of that day.';
COMMENT ON COLUMN vpp.release.delivery_day IS 'Local market day (Europe/Berlin).';
CREATE INDEX release_by_day ON vpp.release (delivery_day, released);
CREATE TRIGGER release_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON vpp.release
    FOR EACH STATEMENT EXECUTE FUNCTION vpp.refuse_change();

CREATE TABLE vpp.handover (
    note_id uuid PRIMARY KEY,
    author  text NOT NULL,
    written timestamptz NOT NULL,
    text    text NOT NULL
);
COMMENT ON TABLE vpp.handover IS 'What one shift writes for the next.';
CREATE INDEX handover_by_time ON vpp.handover (written);
CREATE TRIGGER handover_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON vpp.handover
    FOR EACH STATEMENT EXECUTE FUNCTION vpp.refuse_change();
