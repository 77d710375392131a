-- Long work that somebody asked for through the API: how far it is, and what came of it.

CREATE TABLE vpp.job (
    job_id    uuid PRIMARY KEY,
    kind      text NOT NULL,
    subject   text NOT NULL,
    author    text NOT NULL,
    owner_key integer REFERENCES vpp.owner,
    created   timestamptz NOT NULL,
    state     text NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    progress  double precision NOT NULL DEFAULT 0,
    saying    text NOT NULL DEFAULT '',
    answer    jsonb
);
COMMENT ON TABLE vpp.job IS 'Long work that somebody asked for: commissioning of a device, an export.';
COMMENT ON COLUMN vpp.job.owner_key IS 'Whose alone it is; NULL: the utility''s.';
COMMENT ON COLUMN vpp.job.created IS 'Of the wall.';
COMMENT ON COLUMN vpp.job.progress IS '0 … 1.';
CREATE INDEX job_by_time ON vpp.job (created);
ALTER TABLE vpp.job ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON vpp.job FOR SELECT USING (owner_key = (SELECT vpp.owner_key()));
