-- Who changed what. Each entry carries the hash of the one before it: what is altered later no longer fits.

CREATE TABLE vpp.audit (
    seq       bigint PRIMARY KEY,
    at        timestamptz NOT NULL,
    actor     text NOT NULL,
    action    text NOT NULL,
    object    text NOT NULL,
    before    jsonb,
    after     jsonb,
    prev_hash text NOT NULL,
    hash      text NOT NULL
);
COMMENT ON TABLE vpp.audit IS 'Audit log, a hash chain.';
COMMENT ON COLUMN vpp.audit.seq IS '1, 2, 3 … without holes.';
COMMENT ON COLUMN vpp.audit.prev_hash IS 'Hash of the entry before; 64 zeros for the first.';
COMMENT ON COLUMN vpp.audit.hash IS 'sha256 (hex) of vpp.audit_text: everything in this row but its own hash.';

CREATE FUNCTION vpp.audit_text(entry vpp.audit) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_array(
        entry.seq, to_char(entry.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        entry.actor, entry.action, entry.object, entry.before, entry.after, entry.prev_hash
    )::text
$$;
COMMENT ON FUNCTION vpp.audit_text IS 'What is hashed: a JSON array of the entry''s columns, in UTF-8.';

CREATE FUNCTION vpp.audit_hash(entry vpp.audit) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to(vpp.audit_text(entry), 'UTF8')), 'hex')
$$;

CREATE FUNCTION vpp.audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last vpp.audit;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('vpp.audit'));
    SELECT * INTO last FROM vpp.audit ORDER BY seq DESC LIMIT 1;
    NEW.seq := coalesce(last.seq, 0) + 1;
    NEW.prev_hash := coalesce(last.hash, repeat('0', 64));
    NEW.hash := vpp.audit_hash(NEW);
    RETURN NEW;
END $$;
COMMENT ON FUNCTION vpp.audit_chain IS 'Links a new entry to the last; one writer at a time.';

CREATE TRIGGER audit_chain BEFORE INSERT ON vpp.audit FOR EACH ROW EXECUTE FUNCTION vpp.audit_chain();
CREATE TRIGGER audit_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON vpp.audit
    FOR EACH STATEMENT EXECUTE FUNCTION vpp.refuse_change();
