"""nodes.csv: one electricity tree with one root, heat nodes that stand alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vpp.cases.notes import Notes, quoted
from vpp.cases.series_book import SeriesBook
from vpp.cases.table import Rows, Table, read_rows
from vpp.domain import Carrier, Node
from vpp.domain.columns import columns_of

FILE = "nodes.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    nodes: list[Node] = field(default_factory=list[Node])
    carriers: Mapping[str, Carrier | None] = field(default_factory=dict[str, Carrier | None])
    """Of every node by id; None where it could not be read."""
    complete: bool = True
    """False: nodes are missing here that may stand in the file."""


def read_network(table: Table | None, book: SeriesBook, notes: Notes) -> Network:
    if table is None:
        return Network(complete=False)
    rows = read_rows(table, columns_of(Node), book, notes)
    first_at = dict[str, int]()
    carriers = dict[str, Carrier | None]()
    for i, (id, carrier) in enumerate(zip(rows.values["id"], rows.values["carrier"], strict=True)):
        if not isinstance(id, str):
            continue
        if id in first_at:
            rows.spoil(
                i, "id", f"{quoted(id)} is already in {table.where(first_at[id])}; allowed: every id once", notes
            )
            continue
        first_at[id] = i
        carriers[id] = Carrier(carrier) if carrier in set(Carrier) else None
        if isinstance(carrier, str) and carriers[id] is None:
            near = notes.nearest(carrier, list(Carrier))
            rows.spoil(i, "carrier", f"{quoted(carrier)} is unknown; allowed: electricity, heat{near}", notes)
    complete = table.complete and "id" in table.columns
    if complete:
        _note_parents(rows, carriers, notes)
        _note_root_and_cycles(rows, first_at, carriers, notes)
    _note_what_does_not_fit_the_carrier(rows, notes)
    nodes = [_with_carrier(node) for node in rows.build(Node) if node is not None]
    return Network(nodes=nodes, carriers=carriers, complete=complete)


def _with_carrier(node: Node) -> Node:
    object.__setattr__(node, "carrier", Carrier(node.carrier))  # not shared yet
    return node


def _note_parents(rows: Rows, carriers: Mapping[str, Carrier | None], notes: Notes) -> None:
    for i, parent in enumerate(rows.values["parent"]):
        if rows.values["carrier"][i] != Carrier.ELECTRICITY or not isinstance(parent, str):
            continue
        if parent not in carriers:
            rows.spoil(i, "parent", f"{quoted(parent)} is an unknown node{notes.nearest(parent, carriers)}", notes)
        elif carriers[parent] is Carrier.HEAT:
            rows.spoil(i, "parent", f"{quoted(parent)} is a heat node; allowed: an electricity node", notes)


def _note_root_and_cycles(
    rows: Rows, first_at: Mapping[str, int], carriers: Mapping[str, Carrier | None], notes: Notes
) -> None:
    electric = {id: i for id, i in first_at.items() if carriers[id] is Carrier.ELECTRICITY}
    parents = {id: rows.values["parent"][i] for id, i in electric.items()}
    roots = [id for id, parent in parents.items() if parent is None]
    if not roots and all(carriers.values()):
        notes.add(
            FILE, "parent", "no electricity node without a parent; allowed: exactly one, the root that meets the market"
        )
    for id in roots[1:]:
        problem = f"{quoted(id)} is a second root beside {quoted(roots[0])}"
        rows.spoil(electric[id], "parent", f"{problem}; allowed: exactly one electricity node without a parent", notes)
    settled = set[str](roots)
    for id in parents:
        path = dict[str, None]()
        while id in parents and id not in settled and id not in path:
            path[id] = None
            id = parents[id] if isinstance(parents[id], str) else ""
        if id in path:
            cycle = list(path)[list(path).index(id) :]
            way = " → ".join(quoted(n) for n in [*cycle[:8], *(["…"] if len(cycle) > 8 else []), id])
            rows.spoil(
                electric[id], "parent", f"the parents form a cycle: {way}; allowed: a tree below the root", notes
            )
        settled |= path.keys()


def _note_what_does_not_fit_the_carrier(rows: Rows, notes: Notes) -> None:
    values = rows.values
    for i, carrier in enumerate(values["carrier"]):
        if carrier == Carrier.HEAT:
            if values["parent"][i] is not None:
                rows.spoil(
                    i,
                    "parent",
                    f"{quoted(values['parent'][i])} on a heat node; allowed: none, heat nodes stand alone",
                    notes,
                )
            for limit in ("import_limit_kw", "export_limit_kw"):
                if values[limit][i] is not None:
                    rows.spoil(i, limit, "a limit on a heat node; allowed: none", notes)
            if values["peak_eur_per_kw"][i] != 0:
                rows.spoil(i, "peak_eur_per_kw", "a peak charge on a heat node; allowed: none", notes)
        elif carrier == Carrier.ELECTRICITY and values["dump"][i] is True:
            rows.spoil(i, "dump", "true on an electricity node; allowed: heat nodes only", notes)
