"""groups.csv, caps.csv and headroom.csv."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from vpp.cases.network import Network
from vpp.cases.notes import Notes, quoted
from vpp.cases.series_book import SeriesBook, stamp
from vpp.cases.table import Rows, Table, read_rows
from vpp.cases.units import Fleet
from vpp.domain import AssetType, Cap, Carrier, Headroom
from vpp.domain.columns import columns_of, text

Groups = dict[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A row of groups.csv."""

    group: str = text()
    asset: str = text()


def is_electrical(kind: AssetType) -> bool:
    return any(f.name == "node" for f in fields(kind.nameplate))


def read_groups(table: Table | None, fleet: Fleet, book: SeriesBook, notes: Notes) -> Groups:
    if table is None:
        return {}
    rows = read_rows(table, columns_of(Member), book, notes)
    groups = dict[str, list[str]]()
    seen = dict[tuple[str, str], int]()
    for i, (group, asset) in enumerate(zip(rows.values["group"], rows.values["asset"], strict=True)):
        members = groups.setdefault(group, []) if isinstance(group, str) else []
        if not isinstance(asset, str):
            continue
        if asset not in fleet.types:
            if fleet.complete:
                rows.spoil(i, "asset", f"{quoted(asset)} is an unknown asset{notes.nearest(asset, fleet.types)}", notes)
        elif not is_electrical(kind := fleet.types[asset]):
            problem = f"{quoted(asset)} is a {kind.name} without electrical power"
            rows.spoil(i, "asset", f"{problem}; allowed: assets with a node", notes)
        elif (group, asset) in seen:
            rows.spoil(
                i, "asset", f"{quoted(asset)} is already in this group, {table.where(seen[group, asset])}", notes
            )
        else:
            seen[group, asset] = i
            members.append(asset)
    return {group: tuple(members) for group, members in groups.items()}


def read_caps(
    table: Table | None, fleet: Fleet, groups: Groups, groups_complete: bool, network: Network,
    book: SeriesBook, notes: Notes,
) -> Sequence[Cap]:  # fmt: skip
    if table is None:
        return ()
    rows = read_rows(table, columns_of(Cap), book, notes)
    complete = fleet.complete and groups_complete and network.complete
    first_at = dict[str, int]()
    for i, (id, target) in enumerate(zip(rows.values["id"], rows.values["target"], strict=True)):
        if isinstance(id, str) and first_at.setdefault(id, i) != i:
            rows.spoil(
                i, "id", f"{quoted(id)} is already in {table.where(first_at[id])}; allowed: every id once", notes
            )
        if isinstance(target, str):
            problem = _target(target, fleet, groups, network, complete, notes)
            if problem:
                rows.spoil(i, "target", problem, notes)
    _note_times(rows, notes)
    return tuple(cap for cap in rows.build(Cap) if cap is not None)


def _target(id: str, fleet: Fleet, groups: Groups, network: Network, complete: bool, notes: Notes) -> str:
    """What is wrong with the target of a cap, or nothing."""
    places: Mapping[str, Mapping[str, object]] = {
        "an asset": fleet.types,
        "a group": groups,
        "a node": network.carriers,
    }
    found = [place for place, ids in places.items() if id in ids]
    if len(found) > 1:
        return f"{quoted(id)} is {' and '.join(found)}; allowed: an id that is only one of them"
    if not found:
        known = [*fleet.types, *groups, *network.carriers]
        return f"{quoted(id)} is an unknown asset, group or node{notes.nearest(id, known)}" if complete else ""
    if id in fleet.types and not is_electrical(fleet.types[id]):
        return f"{quoted(id)} is a {fleet.types[id].name} without electrical power; allowed: assets with a node"
    if network.carriers.get(id) is Carrier.HEAT and found == ["a node"]:
        return f"{quoted(id)} is a heat node, which takes no limit; allowed: electricity nodes"
    return ""


def _note_times(rows: Rows, notes: Notes) -> None:
    for i, cap in enumerate(rows.build(Cap)):
        if cap is not None and cap.start is not None and cap.end is not None and cap.end <= cap.start:
            rows.spoil(
                i, "end", f"{stamp(cap.end)} is not after start {stamp(cap.start)}; allowed: a later time", notes
            )


def read_headroom(table: Table | None, book: SeriesBook, notes: Notes) -> Headroom | None:
    if table is None or (not table.rows and table.complete and not set(table.columns) - set(columns_of(Headroom))):
        return None
    rows = read_rows(table, columns_of(Headroom), book, notes)
    for i in range(1, len(rows)):
        rows.spoil(i, "", "a second row; allowed: one row, for the whole case", notes)
    return next(iter(rows.build(Headroom)), None)
