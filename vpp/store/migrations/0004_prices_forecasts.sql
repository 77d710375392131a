-- What was known, and since when. Nothing is updated: a correction is a new revision or issue.

CREATE TABLE vpp.price (
    series_key integer NOT NULL REFERENCES vpp.series,
    start      timestamptz NOT NULL,
    recorded   timestamptz NOT NULL,
    value      double precision NOT NULL,
    source     text NOT NULL,
    licence    text NOT NULL,
    PRIMARY KEY (series_key, start, recorded)
);
COMMENT ON TABLE vpp.price IS 'Prices with their revisions.';
COMMENT ON COLUMN vpp.price.start IS 'Start of the interval.';
COMMENT ON COLUMN vpp.price.recorded IS 'Since when this value is known.';
COMMENT ON COLUMN vpp.price.value IS 'In the unit the series names: EUR/MWh. May be negative.';
CREATE TRIGGER price_refuse_update BEFORE UPDATE ON vpp.price FOR EACH STATEMENT EXECUTE FUNCTION vpp.refuse_change();

CREATE VIEW vpp.price_current AS
SELECT DISTINCT ON (p.series_key, p.start) s.name AS series, p.start, p.value, p.recorded, p.source, p.licence
FROM vpp.price p JOIN vpp.series s USING (series_key)
ORDER BY p.series_key, p.start, p.recorded DESC;
COMMENT ON VIEW vpp.price_current IS 'The newest revision of each price.';

CREATE TABLE vpp.forecast (
    series_key   integer NOT NULL REFERENCES vpp.series,
    issued       timestamptz NOT NULL,
    quantile     double precision NOT NULL CHECK (quantile > 0 AND quantile < 1),
    start        timestamptz NOT NULL,
    step_minutes integer NOT NULL CHECK (step_minutes > 0),
    vals         double precision[] NOT NULL,
    model        text NOT NULL,
    PRIMARY KEY (series_key, issued, quantile)
);
COMMENT ON TABLE vpp.forecast IS 'One array per series, issue and quantile.';
COMMENT ON COLUMN vpp.forecast.issued IS 'Since when it is known.';
COMMENT ON COLUMN vpp.forecast.start IS 'Start of the first step.';
COMMENT ON COLUMN vpp.forecast.vals IS 'Mean over each step, in the unit the series names; powers are injection-positive.';
COMMENT ON COLUMN vpp.forecast.model IS 'What made it.';
CREATE TRIGGER forecast_refuse_update BEFORE UPDATE ON vpp.forecast FOR EACH STATEMENT EXECUTE FUNCTION vpp.refuse_change();

CREATE VIEW vpp.forecast_rows AS
SELECT s.name AS series, f.issued, f.quantile, f.start + (v.step - 1) * make_interval(mins => f.step_minutes) AS start, v.value, f.model
FROM vpp.forecast f JOIN vpp.series s USING (series_key), unnest(f.vals) WITH ORDINALITY AS v(value, step);
COMMENT ON VIEW vpp.forecast_rows IS 'Forecasts, one row per step.';
