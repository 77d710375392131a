-- Instead of partitions: hypertables with the same columns and keys. Runs directly after 0002_telemetry.sql, on empty tables.

DO $$
DECLARE
    this record;
BEGIN
    FOR this IN
        SELECT * FROM (VALUES ('telemetry', 'at', interval '1 day'), ('telemetry_core', 'at', interval '1 day'),
                              ('telemetry_15m', 'start', interval '30 days')) AS t (name, time_column, chunk)
    LOOP
        EXECUTE format('CREATE TABLE vpp.made (LIKE vpp.%I INCLUDING ALL)', this.name);
        EXECUTE format('DROP TABLE vpp.%I', this.name);
        EXECUTE format('ALTER TABLE vpp.made RENAME TO %I', this.name);
        PERFORM create_hypertable(
            format('vpp.%I', this.name)::regclass, by_range(this.time_column::name, this.chunk), create_default_indexes => false
        );
    END LOOP;
END $$;
