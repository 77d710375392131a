"""Environment → settings, read once by a door."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the platform keeps its things and which services it uses."""

    home: Path
    """Runtime state (PostgreSQL, Prefect, spool): `VPP_HOME`, else `var` in the present folder."""
    database: str | None
    """DSN of a PostgreSQL server: `VPP_DATABASE`; None: an embedded one in `home`."""
    postgres_bin: Path | None
    """Folder of PostgreSQL programs for the embedded server: `VPP_POSTGRES_BIN`; None: found."""

    sources: tuple[str, ...] = ()
    """Sources outside that may be asked: `VPP_SOURCES`, names with commas between; none by itself."""
    station: str = "10410"
    """MOSMIX station of Deutscher Wetterdienst: `VPP_STATION`; Essen."""


def settings() -> Settings:
    postgres_bin = os.environ.get("VPP_POSTGRES_BIN")
    return Settings(
        home=Path(os.environ.get("VPP_HOME") or "var").absolute(),
        database=os.environ.get("VPP_DATABASE") or None,
        postgres_bin=Path(postgres_bin) if postgres_bin else None,
        sources=tuple(filter(None, (name.strip() for name in os.environ.get("VPP_SOURCES", "").split(",")))),
        station=os.environ.get("VPP_STATION") or "10410",
    )
