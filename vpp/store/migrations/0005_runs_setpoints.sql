-- What was decided, and what became of it.

CREATE TABLE vpp.run (
    run_id        uuid PRIMARY KEY,
    kind          text NOT NULL,
    delivery_day  date NOT NULL,
    started       timestamptz NOT NULL,
    start         timestamptz NOT NULL,
    steps         integer NOT NULL CHECK (steps > 0),
    step_minutes  integer NOT NULL CHECK (step_minutes > 0),
    inputs_hash   text NOT NULL,
    inputs        jsonb,
    label         text NOT NULL,
    status        text NOT NULL,
    objective_eur double precision NOT NULL,
    penalty_eur   double precision NOT NULL,
    bound_eur     double precision NOT NULL,
    gap           double precision NOT NULL,
    co2_t         double precision NOT NULL,
    summary       jsonb NOT NULL
);
COMMENT ON TABLE vpp.run IS 'One optimisation and its plan.';
COMMENT ON COLUMN vpp.run.kind IS 'What for: day_ahead, intraday, study …';
COMMENT ON COLUMN vpp.run.delivery_day IS 'Local market day (Europe/Berlin) of the first step.';
COMMENT ON COLUMN vpp.run.start IS 'Start of the first step; the horizon has `steps` steps of `step_minutes`.';
COMMENT ON COLUMN vpp.run.inputs_hash IS 'Of everything the optimiser was given.';
COMMENT ON COLUMN vpp.run.inputs IS 'What it was given, by name: series with issue or revision, options. NULL: only the hash is known.';
COMMENT ON COLUMN vpp.run.label IS 'optimal, feasible, relaxed, previous or safe: best first.';
COMMENT ON COLUMN vpp.run.objective_eur IS 'Cost; earned = negative.';
COMMENT ON COLUMN vpp.run.bound_eur IS 'No plan is cheaper: proven.';
COMMENT ON COLUMN vpp.run.gap IS 'Between objective and bound, as the plan states it.';
COMMENT ON COLUMN vpp.run.summary IS 'Method and why, costs by kind in EUR, broken soft limits in kWh, number of assets, seconds spent.';
CREATE INDEX run_by_day ON vpp.run (delivery_day, kind, started);

CREATE TABLE vpp.schedule (
    run_id       uuid NOT NULL REFERENCES vpp.run ON DELETE CASCADE,
    quantity     text NOT NULL,
    asset_id     text NOT NULL,
    start        timestamptz NOT NULL,
    step_minutes integer NOT NULL CHECK (step_minutes > 0),
    vals         double precision[] NOT NULL,
    PRIMARY KEY (run_id, quantity, asset_id)
);
COMMENT ON TABLE vpp.schedule IS 'The plan of a run: one array per asset and quantity.';
COMMENT ON COLUMN vpp.schedule.quantity IS
    'power_kw (injection-positive), heat_kw (into the heat node positive), state_energy_kwh (at the end of the step), state_on (0 or 1), price_eur_per_mwh (marginal, of a node).';
COMMENT ON COLUMN vpp.schedule.asset_id IS 'The asset''s id, known to the registry or not (studies); the node''s for a price.';
COMMENT ON COLUMN vpp.schedule.start IS 'Start of the first step.';

CREATE TABLE vpp.setpoint (
    setpoint_id uuid PRIMARY KEY,
    asset_id    text NOT NULL,
    kind        text NOT NULL,
    value       double precision NOT NULL,
    valid_from  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    priority    smallint NOT NULL,
    reason      text NOT NULL,
    issuer      text NOT NULL
);
COMMENT ON TABLE vpp.setpoint IS 'Orders, also those that were refused because nobody knows their asset.';
COMMENT ON COLUMN vpp.setpoint.kind IS 'target, limit or switch.';
COMMENT ON COLUMN vpp.setpoint.value IS 'kW, injection-positive, for a target; kW ≥ 0 for a limit; 0 or 1 for a switch.';
COMMENT ON COLUMN vpp.setpoint.expires_at IS 'After that the asset falls back.';
COMMENT ON COLUMN vpp.setpoint.priority IS '0 grid limit, 1 setpoint, 2 refresh, 3 fast, 4 slow: smaller goes first.';
CREATE INDEX setpoint_by_expiry ON vpp.setpoint (expires_at);
CREATE TRIGGER setpoint_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON vpp.setpoint
    FOR EACH STATEMENT EXECUTE FUNCTION vpp.refuse_change();

CREATE TABLE vpp.setpoint_event (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    setpoint_id uuid NOT NULL REFERENCES vpp.setpoint,
    at          timestamptz NOT NULL,
    state       text NOT NULL,
    detail      text NOT NULL,
    UNIQUE (setpoint_id, at, state)
);
COMMENT ON TABLE vpp.setpoint_event IS 'What became of each order; its state is that of its last event.';
COMMENT ON COLUMN vpp.setpoint_event.seq IS 'Order of arrival: decides between events of the same time.';
CREATE TRIGGER setpoint_event_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON vpp.setpoint_event
    FOR EACH STATEMENT EXECUTE FUNCTION vpp.refuse_change();
