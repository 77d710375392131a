"""A case folder ⇄ a case. The format: docs/reference/case-format.md."""

from collections.abc import Callable, Mapping
from pathlib import Path

from vpp.cases.assemble import Parts, assemble, known_tables
from vpp.cases.csv_file import parse_csv
from vpp.cases.notes import Notes, quoted
from vpp.cases.sections import FILE as TOML
from vpp.cases.sections import Section, parse_toml, read_horizon, series_with_gaps
from vpp.cases.series_book import SeriesBook
from vpp.cases.series_files import CSV, PARQUET, read_series_csv, read_series_parquet
from vpp.cases.table import Table
from vpp.domain import Array, AssetType, Case, Horizon

_SUFFIXES = (".csv", ".toml", ".parquet")


Known = Callable[[str, Array, Horizon], Array]
"""Name, values and horizon of a series → the values that take their place."""


def load(folder: Path, asset_types: Mapping[str, AssetType], known: Known | None = None) -> Case:
    """The case in a folder, other values for its series if `known` says so; raises `Mistakes`, all of them."""
    notes = Notes()
    files = _files(Path(folder), asset_types, notes)
    sections = _sections(files, notes)
    horizon = None if sections is None else read_horizon(sections.get("horizon"), notes)
    tables = {
        name.removesuffix(".csv"): _table(name, data, notes) for name, data in files.items() if name.endswith(".csv")
    }
    book = SeriesBook(horizon)
    book.with_gaps = series_with_gaps(None if sections is None else sections.get("market"))
    series = tables.pop("series", None)
    if series is not None:
        read_series_csv(series, book, notes)
    book.complete = book.complete and (CSV not in files or series is not None)
    if (data := files.get(PARQUET, b"-")) != b"-":
        _read_parquet(data, book, notes)
    if known is not None:
        book.change(known)
    market, penalties = (None, None) if sections is None else (sections.get("market"), sections.get("penalties"))
    parts = Parts(
        tables=tables, book=book, market=market, penalties=penalties, settings_are_readable=sections is not None
    )
    return assemble(parts, asset_types, notes)


def _read_parquet(data: bytes | None, book: SeriesBook, notes: Notes) -> None:
    if data is None:
        book.complete = False
    else:
        read_series_parquet(data, book, notes)


def _files(folder: Path, asset_types: Mapping[str, AssetType], notes: Notes) -> dict[str, bytes | None]:
    """The known files of the folder, in the order of the format; None: unreadable."""
    try:
        present = sorted(
            p.name for p in folder.iterdir() if p.suffix.lower() in _SUFFIXES and not p.name.startswith(".")
        )
    except OSError as error:
        notes.add(str(folder), "", f"is not a folder that can be read: {error.strerror or error}")
        notes.raise_if_any()
        raise  # unreachable
    known = [TOML, CSV, PARQUET, *(f"{stem}.csv" for stem in sorted(known_tables(asset_types)))]
    for name in present:
        if name not in known:
            notes.add(
                name, "", f"{quoted(name)} is an unknown file; allowed: {_listed(known)}{notes.nearest(name, known)}"
            )
    return {name: _bytes(folder / name, notes) for name in known if name in present}


def _listed(known: list[str]) -> str:
    return "the files of the case format, and any that end otherwise" if len(known) > 8 else ", ".join(known)


def _bytes(path: Path, notes: Notes) -> bytes | None:
    try:
        if not path.is_file() and not path.is_dir() and path.exists():
            notes.add(path.name, "", "is not an ordinary file")  # reading a pipe would wait for ever
            return None
        return path.read_bytes()
    except OSError as error:
        notes.add(path.name, "", f"cannot be read: {error.strerror or error}")
        return None


def _sections(files: Mapping[str, bytes | None], notes: Notes) -> Mapping[str, Section] | None:
    if TOML not in files:
        notes.add(TOML, "", "the required file is missing")
        return None
    data = files[TOML]
    return None if data is None else parse_toml(data, notes)


def _table(name: str, data: bytes | None, notes: Notes) -> Table | None:
    return None if data is None else parse_csv(name, data, notes)
