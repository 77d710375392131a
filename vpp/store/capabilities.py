"""What the server can do: read once, and every choice between plain PostgreSQL and TimescaleDB follows from it."""

from dataclasses import dataclass

from psycopg import Connection

from vpp.store.connection import Row

_READ = """
SELECT current_setting('server_version_num')::integer,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),
       (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'),
       current_setting('timescaledb.license', true)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """Each TimescaleDB feature on its own, so that what is missing costs only itself."""

    server: int
    """As PostgreSQL numbers it: 180006."""
    timescale: str | None
    """Version of the extension in this database; None: plain PostgreSQL."""
    available: str | None = None
    """Version the server could create here."""
    licence: str | None = None
    """`apache` or `timescale` (Community)."""

    @property
    def _version(self) -> tuple[int, ...]:
        parts = (self.timescale or "0").split("-")[0].split(".")
        return tuple(int(part) for part in parts if part.isdigit())

    @property
    def hypertables(self) -> bool:
        """With `by_range`, which came with 2.13. Else: partitions of our own."""
        return self._version >= (2, 13)

    @property
    def columnstore(self) -> bool:
        """By the names of 2.18; Community licence only. Else: rows stay as they are."""
        return self.hypertables and self._version >= (2, 18) and self.licence == "timescale"

    def sentences(self) -> list[str]:
        """For people."""
        found = [f"server: PostgreSQL {self.server // 10000}.{self.server % 10000}"]
        if not self.timescale:
            ready = (
                f"version {self.available} is installed, but not created in this database" if self.available else None
            )
            return [*found, f"TimescaleDB: {ready or 'not there'}; partitions are our own"]
        found.append(f"TimescaleDB: {self.timescale}, licence {self.licence or 'unknown'}")
        found.append("hypertables: " + ("used" if self.hypertables else "not used (needs 2.13)"))
        why = "needs the Community licence" if self.licence != "timescale" else "needs 2.18"
        return [*found, "columnstore: " + ("can be used" if self.columnstore else f"not used ({why})")]


def read_capabilities(connection: Connection[Row]) -> Capabilities:
    row = connection.execute(_READ).fetchone()
    assert row
    server, timescale, available, licence = row
    return Capabilities(server=server, timescale=timescale, available=available, licence=licence)
