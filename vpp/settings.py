"""Environment → settings, read once by a door."""

import os
from dataclasses import dataclass
from pathlib import Path

from vpp.domain import Mistake, Mistakes


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the platform keeps its things and which services it uses."""

    home: Path
    """Runtime state (PostgreSQL, Prefect, spool): `VPP_HOME`, else `var` in the present folder."""
    database: str | None
    """DSN of a PostgreSQL server: `VPP_DATABASE`; None: an embedded one in `home`."""
    postgres_bin: Path | None
    """Folder of PostgreSQL programs for the embedded server: `VPP_POSTGRES_BIN`; None: found."""
    keep_raw_days: int | None = None
    """Readings older than this are dropped once rolled up: `VPP_KEEP_RAW_DAYS`, 7 or more; None: kept for ever."""
    keep_quarter_hours_days: int | None = None
    """Roll-ups older than this are dropped: `VPP_KEEP_QUARTER_HOURS_DAYS`, 7 or more; None: kept for ever."""
    columnstore_after_days: int | None = 3
    """Age at which TimescaleDB stores by column: `VPP_COLUMNSTORE_AFTER_DAYS`; None (0 in the environment): never."""
    spool_mb: int = 1000
    """Most that readings may take on disk while the database is away, MB: `VPP_SPOOL_MB`."""

    sources: tuple[str, ...] = ()
    """Sources outside that may be asked: `VPP_SOURCES`, names with commas between; none by itself."""
    networks: tuple[str, ...] = ("127.0.0.0/8",)
    """Networks and serial ports whose devices may be contacted by pages, API and the field of `vpp up`:
    `VPP_NETWORKS`, with commas between; by itself only this machine's own."""
    station: str = "10410"
    """MOSMIX station of Deutscher Wetterdienst: `VPP_STATION`; Essen."""


def settings() -> Settings:
    """Every variable that is wrong is named at once."""
    postgres_bin = os.environ.get("VPP_POSTGRES_BIN")
    wrong: list[Mistake] = []
    keep_raw = _whole("VPP_KEEP_RAW_DAYS", 7, None, wrong)
    keep_quarter_hours = _whole("VPP_KEEP_QUARTER_HOURS_DAYS", 7, None, wrong)
    columnstore = _whole("VPP_COLUMNSTORE_AFTER_DAYS", 0, 3, wrong)
    spool = _whole("VPP_SPOOL_MB", 1, 1000, wrong)
    if wrong:
        raise Mistakes(wrong)
    return Settings(
        home=Path(os.environ.get("VPP_HOME") or "var").absolute(),
        database=os.environ.get("VPP_DATABASE") or None,
        postgres_bin=Path(postgres_bin) if postgres_bin else None,
        keep_raw_days=keep_raw,
        keep_quarter_hours_days=keep_quarter_hours,
        columnstore_after_days=columnstore or None,
        spool_mb=spool or 1000,
        sources=_names("VPP_SOURCES"),
        networks=_names("VPP_NETWORKS") or ("127.0.0.0/8",),
        station=os.environ.get("VPP_STATION") or "10410",
    )


def _names(name: str) -> tuple[str, ...]:
    """Texts with commas between."""
    return tuple(filter(None, (text.strip() for text in os.environ.get(name, "").split(","))))


def _whole(name: str, least: int, default: int | None, wrong: list[Mistake]) -> int | None:
    """A whole number of the environment, `least` or more."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if not text.isdecimal() or int(text) < least:
        problem = f"'{text}'; allowed: a whole number, {least} or more, or nothing"
        wrong.append(Mistake(where="environment", what=name, problem=problem))
        return default
    return int(text)
