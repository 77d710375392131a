-- Owners register their devices, step by step; what they agreed to; and what they wish of a device day by day.

CREATE TABLE vpp.registration (
    registration_id uuid PRIMARY KEY,
    owner_key       integer NOT NULL REFERENCES vpp.owner,
    author          text NOT NULL,
    created         timestamptz NOT NULL,
    changed         timestamptz NOT NULL,
    content         jsonb NOT NULL,
    asset_id        text UNIQUE,
    confirmed       timestamptz,
    CHECK ((asset_id IS NULL) = (confirmed IS NULL))
);
COMMENT ON TABLE vpp.registration IS 'Registrations of devices by their owners: begun, or confirmed.';
COMMENT ON COLUMN vpp.registration.author IS 'Person who began it.';
COMMENT ON COLUMN vpp.registration.content IS 'Answers so far, and what the device showed.';
COMMENT ON COLUMN vpp.registration.asset_id IS 'The asset it became; NULL: a draft.';
CREATE INDEX registration_by_owner ON vpp.registration (owner_key);

CREATE TABLE vpp.agreement (
    agreement_id uuid PRIMARY KEY,
    asset_id     text NOT NULL,
    owner_key    integer NOT NULL REFERENCES vpp.owner,
    version      text NOT NULL,
    language     text NOT NULL,
    content      text NOT NULL,
    sha256       text NOT NULL,
    accepted_by  text NOT NULL,
    accepted     timestamptz NOT NULL
);
COMMENT ON TABLE vpp.agreement IS 'What owners agreed to, word for word; a change is a new row.';
COMMENT ON COLUMN vpp.agreement.content IS 'The text that was shown.';
COMMENT ON COLUMN vpp.agreement.sha256 IS 'Of the text.';
CREATE INDEX agreement_by_asset ON vpp.agreement (asset_id, accepted);

CREATE TABLE vpp.habit (
    asset_id   text PRIMARY KEY,
    arrives    time NOT NULL,
    departs    time NOT NULL,
    energy_kwh double precision NOT NULL CHECK (energy_kwh >= 0),
    changed    timestamptz NOT NULL,
    CHECK (arrives <> departs)
);
COMMENT ON TABLE vpp.habit IS 'When a vehicle usually stands at a charge point, and what it needs; local time, every day.';
COMMENT ON COLUMN vpp.habit.departs IS 'Before `arrives`: on the next day.';
COMMENT ON COLUMN vpp.habit.energy_kwh IS 'Into the vehicle''s battery.';
