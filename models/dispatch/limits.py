"""Which limits bind, and what one more kW of each would be worth: read from the duals of the solved problem."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from models.dispatch.exact import Built, Solved
from models.dispatch.problem import CAP, ELECTRICITY, HEADROOM
from vpp.domain import Array, Limit
from vpp.milp import Stamp

AT_LIMIT = 1e-6
WORTH_EUR = 1e-6
"""Less than this over the horizon is not worth naming."""

_ROWS: Mapping[str, Sequence[tuple[str, str]]] = {
    ELECTRICITY: [("import_limit", "import_limit_kw"), ("export_limit", "export_limit_kw")],
    CAP: [("import_limit", "max_import_kw"), ("export_limit", "max_export_kw")],
    HEADROOM: [("requirement", "required_kw")],
}
"""Of elements: a law, and the limit on its right-hand side."""

_SAME_LIMIT = {
    "charge_kw": ("charge_only_when_not", "charge_only_when_charging"),
    "discharge_kw": ("discharge_only_when_discharging", "discharge_only_when_not"),
    "draw_kw": ("only_when_running",), "output_kw": ("only_when_running",),
}  # fmt: skip
"""Rows that repeat a variable's upper bound while its binary says yes."""

_OF_VARIABLE = {
    "charge_kw": ("max_charge_kw",), "discharge_kw": ("max_discharge_kw",), "draw_kw": ("max_power_kw",),
    "output_kw": ("max_power_kw", "max_heat_kw"), "injected_kw": ("available_kw",), "energy_kwh": ("capacity_kwh",),
}  # fmt: skip
"""The column that limits a variable, whichever the type has."""


def binding_limits(built: Built, solved: Solved) -> tuple[Limit, ...]:
    """All of them, the dearest first; none without duals."""
    if solved.row_dual is None or solved.col_dual is None:
        return ()
    found = [*_of_elements(built, solved.row_dual), *_of_assets(built, solved, solved.row_dual, solved.col_dual)]
    return tuple(sorted(found, key=lambda x: -x.worth_eur))


def _row_duals(stamp: Stamp, name: str, row_dual: Array) -> Array | None:
    """Duals of a law's rows, (n, steps); None where the block has no such law."""
    rows = [i for i, row in enumerate(stamp.template.row_names) if row.partition("[")[0] == name]
    size = stamp.template.constraints.size
    return row_dual[stamp.row : stamp.row + stamp.n * size].reshape(stamp.n, size)[:, rows] if rows else None


def _of_elements(built: Built, row_dual: Array) -> Iterator[Limit]:
    for group, laws in _ROWS.items():
        stamp = built.program.stamps.get(group)
        for law, limit in laws if stamp is not None else ():
            assert stamp is not None
            if (duals := _row_duals(stamp, law, row_dual)) is not None:
                yield from _named(stamp.group.ids, limit, "kW", np.abs(duals))


def _of_assets(built: Built, solved: Solved, row_dual: Array, col_dual: Array) -> Iterator[Limit]:
    upper = solved.matrix.upper
    for a in built.dispatch.assets:
        stamp = built.program.stamps[a.name]
        names = {f for plain in (a.kind.nameplate, a.kind.outlook) for f in plain.__dataclass_fields__} | {
            "available_kw"
        }
        for variable, columns in _OF_VARIABLE.items():
            limit = next((c for c in columns if c in names), None)
            if limit is None or variable not in stamp.template.where:
                continue
            at = stamp.template.where[variable]
            values, most = stamp.block(solved.x)[:, at], stamp.block(upper)[:, at]
            worth = -stamp.block(col_dual)[:, at]
            for row in _SAME_LIMIT.get(variable, ()):
                if (duals := _row_duals(stamp, row, row_dual)) is not None:
                    worth = worth - duals
            worth = np.where((values >= most - AT_LIMIT) & (most > 0), np.maximum(worth, 0.0), 0.0)
            yield from _named(stamp.group.ids, limit, limit.rpartition("_")[2].replace("kw", "kW"), worth)


def _named(ids: Sequence[str], limit: str, unit: str, worth: Array) -> Iterator[Limit]:
    """`worth` is EUR per unit, (n, steps)."""
    total = worth.sum(axis=1)
    for i in np.flatnonzero(total > WORTH_EUR).tolist():
        steps = int(np.count_nonzero(worth[i] > WORTH_EUR / worth.shape[1]))
        yield Limit(where=ids[i], limit=limit, unit=unit, steps=max(1, steps), worth_eur=float(total[i]))
