"""<type>.csv → units: nameplate and outlook from one row, ids and references checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from vpp.cases.network import Network
from vpp.cases.notes import Notes, quoted
from vpp.cases.series_book import SeriesBook
from vpp.cases.sessions import note_sessions
from vpp.cases.table import Rows, Table, read_rows
from vpp.cases.timing import TIME_CHECKS
from vpp.domain import AssetType, Carrier, Horizon, Unit
from vpp.domain.columns import Attached, column_of, columns_of


@dataclass(slots=True, kw_only=True)
class Fleet:
    units: list[Unit] = field(default_factory=list[Unit])
    types: dict[str, AssetType] = field(default_factory=dict[str, AssetType])
    """Type of every asset by id, also of those with mistakes elsewhere in their row."""
    at: dict[str, str] = field(default_factory=dict[str, str])
    """Where each id stands: `battery.csv:2`."""
    complete: bool = True
    """False: assets are missing here that may stand in a file."""


def attachments(kind: AssetType) -> Mapping[str, Attached]:
    """Fields of a type that are rows of another file: `sessions` → ev_session.csv."""
    return {
        f.name: f.metadata["rows"]
        for part in (kind.nameplate, kind.outlook)
        for f in fields(part)
        if "rows" in f.metadata
    }


def read_fleet(
    tables: Mapping[str, Table | None], kinds: Mapping[str, AssetType],
    network: Network, book: SeriesBook, notes: Notes,
) -> Fleet:  # fmt: skip
    """All assets; a table that is None stands in the folder but could not be read."""
    fleet = Fleet()
    for name, kind in kinds.items():
        attached = {f: (a, _read_attached(tables, a, book, notes)) for f, a in attachments(kind).items()}
        table = tables.get(name)
        rows = None if table is None else _read_type(table, kind, network, fleet, book, notes)
        fleet.complete = fleet.complete and (name not in tables or _all_ids_are_known(table))
        ids = {} if rows is None else {id: i for i, id in enumerate(rows.values["id"]) if isinstance(id, str)}
        complete = name not in tables or _all_ids_are_known(table)
        more = {f: _distribute(a, r, ids, complete, notes) for f, (a, r) in attached.items()}
        if rows is not None:
            fleet.units += _units(rows, kind, more, book.horizon, notes)
    return fleet


def _all_ids_are_known(table: Table | None) -> bool:
    return table is not None and table.complete and ("id" in table.columns or not table.rows)


def _read_type(table: Table, kind: AssetType, network: Network, fleet: Fleet, book: SeriesBook, notes: Notes) -> Rows:
    columns = columns_of(kind.nameplate, kind.outlook)
    rows = read_rows(table, columns, book, notes)
    for i, id in enumerate(rows.values["id"]):
        if not isinstance(id, str):
            continue
        if id in fleet.at:
            rows.spoil(i, "id", f"{quoted(id)} is already in {fleet.at[id]}; allowed: every id once", notes)
        else:
            fleet.at[id], fleet.types[id] = table.where(i), kind
    for name, f in columns.items():
        if column_of(f).refers_to in set(Carrier):
            _note_nodes(rows, name, Carrier(column_of(f).refers_to), network, notes)
    return rows


def _note_nodes(rows: Rows, column: str, carrier: Carrier, network: Network, notes: Notes) -> None:
    for i, node in enumerate(rows.values[column]):
        if not isinstance(node, str):
            continue
        if node not in network.carriers:
            if network.complete:
                known = [id for id, c in network.carriers.items() if c is carrier]
                rows.spoil(i, column, f"{quoted(node)} is an unknown node{notes.nearest(node, known)}", notes)
        elif network.carriers[node] not in (carrier, None):
            wrong = network.carriers[node]
            article = "an" if carrier is Carrier.ELECTRICITY else "a"
            rows.spoil(i, column, f"{quoted(node)} is of the carrier {wrong}; allowed: {article} {carrier} node", notes)


def _read_attached(
    tables: Mapping[str, Table | None], attached: Attached, book: SeriesBook, notes: Notes
) -> Rows | None:
    table = tables.get(attached.file)
    return None if table is None else read_rows(table, columns_of(attached.of), book, notes)


def _distribute(
    attached: Attached, rows: Rows | None, ids: Mapping[str, int], complete: bool, notes: Notes
) -> dict[str, tuple[Any, ...]]:
    """The rows of another file by the id they name."""
    if rows is None:
        return {}
    for i, id in enumerate(rows.values[attached.by]):
        if isinstance(id, str) and id not in ids and complete:
            rows.spoil(i, attached.by, f"{quoted(id)} is an unknown {attached.by}{notes.nearest(id, ids)}", notes)
    if attached.file == "ev_session":
        note_sessions(rows, notes)
    found = dict[str, list[Any]]()
    for value in rows.build(attached.of):
        if value is not None:
            found.setdefault(getattr(value, attached.by), []).append(value)
    return {id: tuple(values) for id, values in found.items()}


def _units(
    rows: Rows,
    kind: AssetType,
    more: Mapping[str, Mapping[str, tuple[Any, ...]]],
    horizon: Horizon | None,
    notes: Notes,
) -> list[Unit]:
    def extra(part: type) -> dict[str, list[tuple[Any, ...]]]:
        own = {f.name for f in fields(part)}
        ids = rows.values["id"]
        return {f: [by.get(id, ()) if isinstance(id, str) else () for id in ids] for f, by in more.items() if f in own}

    assets = rows.build(kind.nameplate, **extra(kind.nameplate))
    outlooks = rows.build(kind.outlook, **extra(kind.outlook))
    units = list[Unit]()
    for i, (asset, outlook) in enumerate(zip(assets, outlooks, strict=True)):
        if asset is not None and outlook is not None:
            _note_row(rows, i, kind, asset, outlook, horizon, notes)
            units.append(Unit(type=kind.name, asset=asset, outlook=outlook))
    return units


def _note_row(
    rows: Rows, i: int, kind: AssetType, asset: Any, outlook: Any, horizon: Horizon | None, notes: Notes
) -> None:
    """What does not fit together within one row; each column is named once."""
    problems = dict(kind.check(asset, outlook)) if kind.check else {}
    if horizon is not None and kind.name in TIME_CHECKS:
        problems |= dict(TIME_CHECKS[kind.name](asset, outlook, horizon))
    for column, problem in problems.items():
        notes.add(rows.table.where(i), column, problem)
