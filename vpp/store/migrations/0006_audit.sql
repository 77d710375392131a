-- Who changed what. Each entry carries the hash of the one before it: what is altered later no longer fits.
-- The chain holds only a salted digest of what names people, so that a person can be erased without breaking it.

CREATE TABLE vpp.audit (
    seq       bigint PRIMARY KEY,
    at        timestamptz NOT NULL,
    actor     text NOT NULL,
    action    text NOT NULL,
    object    text NOT NULL,
    before    jsonb,
    after     jsonb,
    salt      text,
    digest    text NOT NULL,
    prev_hash text NOT NULL,
    hash      text NOT NULL
);
COMMENT ON TABLE vpp.audit IS 'Audit log, a hash chain.';
COMMENT ON COLUMN vpp.audit.seq IS '1, 2, 3 … without holes.';
COMMENT ON COLUMN vpp.audit.salt IS 'Random; NULL: the content was pseudonymised, and a later entry with action `erase` names this one.';
COMMENT ON COLUMN vpp.audit.digest IS 'sha256 (hex) of the salt and vpp.audit_content: actor, object, before and after as they were written.';
COMMENT ON COLUMN vpp.audit.prev_hash IS 'Hash of the entry before; 64 zeros for the first.';
COMMENT ON COLUMN vpp.audit.hash IS 'sha256 (hex) of vpp.audit_text: number, time, action, digest, hash before.';

CREATE FUNCTION vpp.sha256_hex(value text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT encode(sha256(convert_to(value, 'UTF8')), 'hex')
$$;

CREATE FUNCTION vpp.audit_content(entry vpp.audit) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_array(entry.actor, entry.object, entry.before, entry.after)::text
$$;

CREATE FUNCTION vpp.audit_text(entry vpp.audit) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_array(
        entry.seq, to_char(entry.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), entry.action, entry.digest, entry.prev_hash
    )::text
$$;
COMMENT ON FUNCTION vpp.audit_text IS 'What is hashed: a JSON array, in UTF-8.';

CREATE FUNCTION vpp.audit_digest(entry vpp.audit) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT vpp.sha256_hex(entry.salt || vpp.audit_content(entry))
$$;

CREATE FUNCTION vpp.audit_hash(entry vpp.audit) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT vpp.sha256_hex(vpp.audit_text(entry))
$$;

CREATE FUNCTION vpp.audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last vpp.audit;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('vpp.audit'));
    SELECT * INTO last FROM vpp.audit ORDER BY seq DESC LIMIT 1;
    NEW.seq := coalesce(last.seq, 0) + 1;
    NEW.salt := gen_random_uuid();
    NEW.digest := vpp.audit_digest(NEW);
    NEW.prev_hash := coalesce(last.hash, repeat('0', 64));
    NEW.hash := vpp.audit_hash(NEW);
    RETURN NEW;
END $$;
COMMENT ON FUNCTION vpp.audit_chain IS 'Links a new entry to the last; one writer at a time.';

CREATE FUNCTION vpp.audit_only_pseudonymised() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.salt IS NULL AND (NEW.seq, NEW.at, NEW.action, NEW.digest, NEW.prev_hash, NEW.hash)
       = (OLD.seq, OLD.at, OLD.action, OLD.digest, OLD.prev_hash, OLD.hash) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'table audit: UPDATE is refused; allowed: INSERT' USING ERRCODE = 'integrity_constraint_violation';
END $$;
COMMENT ON FUNCTION vpp.audit_only_pseudonymised IS 'An entry may lose what names people, and nothing else.';

CREATE TRIGGER audit_chain BEFORE INSERT ON vpp.audit FOR EACH ROW EXECUTE FUNCTION vpp.audit_chain();
CREATE TRIGGER audit_only_pseudonymised BEFORE UPDATE ON vpp.audit FOR EACH ROW EXECUTE FUNCTION vpp.audit_only_pseudonymised();
CREATE TRIGGER audit_refuse_change BEFORE DELETE OR TRUNCATE ON vpp.audit
    FOR EACH STATEMENT EXECUTE FUNCTION vpp.refuse_change();
