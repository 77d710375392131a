-- One queue for all long work: what-if questions join the jobs, and a job says what was asked and who is at it.

ALTER TABLE vpp.job DROP CONSTRAINT job_state_check;
ALTER TABLE vpp.job ADD CONSTRAINT job_state_check
    CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled'));
ALTER TABLE vpp.job
    ADD COLUMN asked  jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN facts  jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN runner uuid,
    ADD COLUMN seen   timestamptz;
COMMENT ON TABLE vpp.job IS 'Long work that somebody asked for: commissioning, exports, what-if questions, cases, studies.';
COMMENT ON COLUMN vpp.job.asked IS 'All that is needed to do it, or to do it again.';
COMMENT ON COLUMN vpp.job.facts IS 'How far it is, in figures of its kind.';
COMMENT ON COLUMN vpp.job.runner IS 'The process that is at it, or was last.';
COMMENT ON COLUMN vpp.job.seen IS 'When that process last showed that it lives, by the server''s clock.';
CREATE INDEX job_open ON vpp.job (created) WHERE state IN ('waiting', 'running');

UPDATE vpp.job SET state = 'failed', progress = 1, saying = 'the web process ended meanwhile; allowed: ask again'
WHERE state = 'running';
INSERT INTO vpp.job (job_id, kind, subject, author, created, state, progress, saying, answer, asked)
SELECT study_id, 'what-if', '', author, created, CASE state WHEN 'running' THEN 'waiting' ELSE state END, progress,
    saying, answer, question FROM vpp.study;
DROP TABLE vpp.study;
