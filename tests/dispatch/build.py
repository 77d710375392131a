"""Small cases by hand: each function returns one unit or case with every value stated."""

from datetime import UTC, datetime
from typing import Any

import numpy as np

from assets import ASSET_TYPES
from models.dispatch.optimise import Effort, Method, optimise
from vpp.domain import Cap, Carrier, Case, Headroom, Horizon, Market, Node, Penalties, Plan, Unit
from vpp.milp import Templates

TEMPLATES = Templates()
SMALL = 30
"""Asset-steps up to which every case of the suite is also solved as the textbook model."""
START = datetime(2025, 3, 1, tzinfo=UTC)


def horizon(steps: int, minutes: int = 60) -> Horizon:
    return Horizon(START, steps, minutes)


def unit(kind: str, **cells: Any) -> Unit:
    """A unit of any type from its cells; nodes are `bus` and `heat` unless given."""
    asset_type = ASSET_TYPES[kind]
    parts = []
    for plain in (asset_type.nameplate, asset_type.outlook):
        names = set(plain.__dataclass_fields__)
        defaults = {k: v for k, v in {"node": "bus", "heat_node": "heat"}.items() if k in names}
        parts.append(plain(**{**defaults, **{k: v for k, v in cells.items() if k in names}}))
    unknown = set(cells) - set(asset_type.nameplate.__dataclass_fields__) - set(asset_type.outlook.__dataclass_fields__)
    assert not unknown, unknown
    return Unit(type=kind, asset=parts[0], outlook=parts[1])


def battery(**cells: Any) -> Unit:
    return unit(
        "battery",
        **{
            "id": "b",
            "capacity_kwh": 10,
            "max_charge_kw": 5,
            "max_discharge_kw": 5,
            "charge_efficiency": 1.0,
            "discharge_efficiency": 1.0,
            "initial_soc": 0.0,
            **cells,
        },
    )


def case(
    units: list[Unit],
    buy: Any,
    sell: Any = None,
    h: Horizon | None = None,
    *,
    bus: dict[str, Any] | None = None,
    dump: bool = False,
    market: dict[str, Any] | None = None,
    nodes: list[Node] | None = None,
    caps: list[Cap] | None = None,
    groups: dict[str, list[str]] | None = None,
    headroom: Headroom | None = None,
    penalties: Penalties | None = None,
) -> Case:
    prices = np.asarray(buy, dtype=float)
    heat = any(hasattr(u.asset, "heat_node") for u in units)
    default = [Node(id="bus", carrier=Carrier.ELECTRICITY, **(bus or {}))]
    default += [Node(id="heat", carrier=Carrier.HEAT, dump=dump)] if heat else []
    return Case(
        horizon=h or horizon(len(prices)),
        market=Market(
            buy_eur_per_mwh=prices,
            sell_eur_per_mwh=prices if sell is None else np.asarray(sell, dtype=float),
            **(market or {}),
        ),
        nodes=nodes or default,
        units=units,
        caps=caps or [],
        groups=groups or {},
        headroom=headroom,
        penalties=penalties or Penalties(),
    )


def minimised(plan: Plan) -> float:
    return plan.objective_eur + plan.penalty_eur - plan.components["end_value"]


def solve(c: Case, method: Method = Method.EXACT, gap: float = 1e-6) -> Plan:
    """The plan; where the case is small, the textbook model must cost the same."""
    plan = optimise(c, ASSET_TYPES, Effort(method=method, gap=gap, time_limit=30), templates=TEMPLATES)
    if method is Method.EXACT and len(c.units) * c.horizon.steps <= SMALL:
        reference = optimise(
            c, ASSET_TYPES, Effort(method=Method.REFERENCE, gap=gap, time_limit=30), templates=TEMPLATES
        )
        off = 2 * gap * max(abs(minimised(plan)), 1.0) + 1e-6
        assert abs(minimised(plan) - minimised(reference)) <= off, (minimised(plan), minimised(reference))
    return plan
