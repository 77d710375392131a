-- Who may what: people with sessions, machines with tokens. No secret is stored, only its hash.

CREATE TABLE vpp.person (
    name          text PRIMARY KEY,
    role          text NOT NULL CHECK (role IN ('operator', 'owner', 'planner', 'viewer')),
    owner         text,
    password_hash text NOT NULL,
    active        boolean NOT NULL DEFAULT true,
    failures      integer NOT NULL DEFAULT 0,
    locked_until  timestamptz,
    created       timestamptz NOT NULL,
    CHECK ((role = 'owner') = (owner IS NOT NULL))
);
COMMENT ON TABLE vpp.person IS 'People who may log in.';
COMMENT ON COLUMN vpp.person.owner IS 'For the role owner: whose assets; names vpp.owner.';
COMMENT ON COLUMN vpp.person.password_hash IS 'Argon2id.';
COMMENT ON COLUMN vpp.person.failures IS 'Wrong passwords since the last right one.';

CREATE TABLE vpp.session (
    hash    text PRIMARY KEY,
    person  text NOT NULL REFERENCES vpp.person ON DELETE CASCADE,
    csrf    text NOT NULL,
    created timestamptz NOT NULL,
    expires timestamptz NOT NULL
);
COMMENT ON TABLE vpp.session IS 'Who is logged in.';
COMMENT ON COLUMN vpp.session.hash IS 'SHA-256 of the cookie.';
COMMENT ON COLUMN vpp.session.csrf IS 'SHA-256 of the token that changes must carry.';

CREATE TABLE vpp.token (
    token_id uuid PRIMARY KEY,
    hash     text NOT NULL UNIQUE,
    name     text NOT NULL,
    role     text NOT NULL CHECK (role IN ('operator', 'owner', 'planner', 'viewer')),
    owner    text,
    scopes   text[] NOT NULL,
    author   text NOT NULL,
    created  timestamptz NOT NULL,
    expires  timestamptz NOT NULL,
    revoked  timestamptz,
    CHECK ((role = 'owner') = (owner IS NOT NULL))
);
COMMENT ON TABLE vpp.token IS 'Tokens of machines.';
COMMENT ON COLUMN vpp.token.hash IS 'SHA-256 of the token.';
COMMENT ON COLUMN vpp.token.scopes IS 'read, write.';

CREATE TABLE vpp.setup (
    single  boolean PRIMARY KEY DEFAULT true CHECK (single),
    hash    text NOT NULL,
    expires timestamptz NOT NULL
);
COMMENT ON TABLE vpp.setup IS 'The one-time token that creates the first operator; SHA-256. Gone once it was used.';
