-- Units of the public register of plants, so that owners need only enter a number.

CREATE TABLE vpp.mastr_unit (
    number       text PRIMARY KEY CHECK (number ~ '^S(EE|ME)[0-9]{12}$'),
    kind         text NOT NULL,
    power_kw     double precision NOT NULL CHECK (power_kw > 0),
    capacity_kwh double precision CHECK (capacity_kwh > 0),
    commissioned date,
    postcode     text,
    place        text,
    imported     timestamptz NOT NULL
);
COMMENT ON TABLE vpp.mastr_unit IS 'Units from the public export of the Marktstammdatenregister (DL-DE/BY-2.0, Bundesnetzagentur); no persons.';
COMMENT ON COLUMN vpp.mastr_unit.kind IS 'Asset type: pv, wind, battery or chp.';
COMMENT ON COLUMN vpp.mastr_unit.power_kw IS 'Net rating.';
COMMENT ON COLUMN vpp.mastr_unit.capacity_kwh IS 'Usable capacity of a storage unit.';

-- Owners' own logins see none of it: a policy that names no row; the platform looks up one number at a time.
ALTER TABLE vpp.mastr_unit ENABLE ROW LEVEL SECURITY;

COMMENT ON COLUMN vpp.reason.reasons IS 'List of [start, end, code, sentence, [template, values]] in the order of time; times ISO 8601.';
