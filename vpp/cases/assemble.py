"""Tables, series and market → a case, with every mistake at once; the same checks for folders and for memory."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any

from vpp.cases.limits import read_caps, read_groups, read_headroom
from vpp.cases.network import FILE as NODES
from vpp.cases.network import read_network
from vpp.cases.notes import Notes, quoted
from vpp.cases.sections import Section, note_horizon, read_market, read_penalties, series_with_gaps
from vpp.cases.series_book import SeriesBook
from vpp.cases.table import Table, table_of
from vpp.cases.units import attachments, read_fleet
from vpp.domain import AssetType, Case, Horizon

ASSET_TABLES = (
    "pv", "wind", "battery", "heat_pump", "chp", "gas_boiler", "electric_boiler", "heat_store", "heat_demand", "load",
    "shiftable_load", "ev_charger", "ev_session", "street_lighting",
)  # fmt: skip
"""Asset files of the case format, whether their types are registered or not."""

OTHER_TABLES = ("nodes", "caps", "groups", "headroom")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a case is made of, before its cells are read."""

    tables: Mapping[str, Table | None]
    """By stem; None: in the folder, but unreadable."""
    book: SeriesBook
    market: Section | None
    penalties: Section | None = None
    settings_are_readable: bool = True
    """False: case.toml could not be read at all, which has been noted."""


def from_tables(
    tables: Mapping[str, Iterable[Mapping[str, Any]]],
    series: Mapping[str, Any],
    market: Mapping[str, Any],
    horizon: Horizon,
    asset_types: Mapping[str, AssetType],
    penalties: Mapping[str, Any] | None = None,
) -> Case:
    """A case in memory: rows by file name without `.csv`, each series one array of length steps.

    Cells are typed values or text as in a file; a time-dependent cell may also hold an array itself.
    Raises `Mistakes`, which name the rows as if the tables were files.
    """
    notes = Notes()
    usable = note_horizon(horizon, notes)
    book = SeriesBook(horizon if usable else None)
    book.with_gaps = series_with_gaps(market)
    if usable:
        book.put_all(series, notes)
    book.complete = usable
    made = {stem: table_of(stem, rows) for stem, rows in tables.items()}
    for stem in made.keys() - known_tables(asset_types):
        near = notes.nearest(stem, known_tables(asset_types))
        notes.add(f"{stem}.csv", "", f"{quoted(stem)} is an unknown table{near}")
    return assemble(Parts(tables=made, book=book, market=market, penalties=penalties), asset_types, notes)


def known_tables(asset_types: Mapping[str, AssetType]) -> Set[str]:
    return {*ASSET_TABLES, *OTHER_TABLES, *asset_types}


def assemble(parts: Parts, asset_types: Mapping[str, AssetType], notes: Notes) -> Case:
    tables, book = parts.tables, parts.book
    market = read_market(parts.market, book, notes) if parts.settings_are_readable else None
    penalties = read_penalties(parts.penalties, book, notes)
    if "nodes" not in tables:
        notes.add(NODES, "", "the required file is missing")
    network = read_network(tables.get("nodes"), book, notes)
    _note_unsupported(tables, asset_types, notes)
    fleet = read_fleet(tables, asset_types, network, book, notes)
    fleet.complete = fleet.complete and not _unsupported(tables, asset_types)
    groups = read_groups(tables.get("groups"), fleet, book, notes)
    groups_table = tables.get("groups")
    groups_complete = "groups" not in tables or (groups_table is not None and groups_table.complete)
    caps = read_caps(tables.get("caps"), fleet, groups, groups_complete, network, book, notes)
    headroom = read_headroom(tables.get("headroom"), book, notes)
    notes.raise_if_any()
    assert book.horizon and market and penalties, "whatever is missing here has been noted"
    return Case(
        horizon=book.horizon, market=market, nodes=tuple(network.nodes), units=tuple(fleet.units), penalties=penalties,
        caps=caps, groups=groups, headroom=headroom,
    )  # fmt: skip


def _unsupported(tables: Mapping[str, Table | None], asset_types: Mapping[str, AssetType]) -> list[str]:
    """Asset files of the format, with rows, whose type is not registered."""
    supported = {*asset_types, *(a.file for kind in asset_types.values() for a in attachments(kind).values())}
    return [s for s in ASSET_TABLES if s not in supported and (table := tables.get(s)) is not None and table.rows]


def _note_unsupported(tables: Mapping[str, Table | None], asset_types: Mapping[str, AssetType], notes: Notes) -> None:
    for stem in _unsupported(tables, asset_types):
        notes.add(f"{stem}.csv", "", f"assets of the type {quoted(stem)} are not supported yet")
