-- What-if questions: asked, under way, answered.

CREATE TABLE vpp.study (
    study_id uuid PRIMARY KEY,
    author   text NOT NULL,
    created  timestamptz NOT NULL,
    question jsonb NOT NULL,
    state    text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    progress double precision NOT NULL DEFAULT 0,
    saying   text NOT NULL DEFAULT '',
    answer   jsonb
);
COMMENT ON TABLE vpp.study IS 'What-if questions and their answers.';
COMMENT ON COLUMN vpp.study.progress IS '0 … 1.';
