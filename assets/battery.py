"""Stationary battery.

    p⁺  discharge_kw[t]   power to the bus            kW    0 … P⁺
    p⁻  charge_kw[t]      power from the bus          kW    0 … P⁻
    e   energy_kwh[t]     stored, at the end of t     kWh   0 … E
    u   discharging[t]    1: discharging, 0: charging

Mode binaries are needed only where using both directions at once could pay: below the price
-w η⁻η⁺ / (1 - η⁻η⁺) of burning energy (compare Morales, arXiv:2506.21470); elsewhere they are relaxed, and the plan is
checked for it afterwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assets.storage import (
    LEAST_KEPT,
    Band,
    band_is_in_order,
    band_of,
    band_parameters,
    level,
    level_numbers,
    retraced_level,
)
from vpp.domain import Array, AssetType, Columns, Horizon, Market, Rules, Schedule, Site, Store, Surroundings, Unit
from vpp.domain.columns import boolean, efficiency, magnitude, number, share, text
from vpp.milp import Block, Expr, Symbols, pyo


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """Nameplate: columns of `battery.csv`."""

    id: str = text()
    node: str = text(refers_to="electricity")
    capacity_kwh: float = magnitude()
    max_charge_kw: float = magnitude()
    max_discharge_kw: float = magnitude()
    charge_efficiency: float = efficiency()
    discharge_efficiency: float = efficiency()
    self_discharge_per_h: float = share(0.0)
    min_soc: float = share(0.0)
    max_soc: float = share(1.0)
    wear_eur_per_kwh: float = magnitude(0.0)
    """Per kWh leaving the battery at its terminals."""
    grid_charging: bool = boolean(True)
    """False: charging at most the PV and wind injection at the same node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryOutlook:
    """What is known when planning."""

    initial_soc: float = share()
    final_soc_min: float | None = share(None)
    final_value_eur_per_mwh: float | None = number(None)


@dataclass(frozen=True, slots=True)
class BatteryStructure:
    band: Band
    grid_charging: bool
    headroom: bool


def structure(unit: Unit, horizon: Horizon, rules: Rules) -> BatteryStructure:
    return BatteryStructure(band_of(unit), unit.asset.grid_charging, rules.headroom)


def parameters(columns: Columns, horizon: Horizon, market: Market) -> dict[str, Array]:
    """`final_value_eur_per_mwh`; `needs_discharging` says where the mode needs a binary (price below burning)."""
    round_trip = columns["charge_efficiency"] * columns["discharge_efficiency"]
    wear = 1000 * columns["wear_eur_per_kwh"]
    with np.errstate(divide="ignore", invalid="ignore"):
        burning = np.where(round_trip < 1, -wear * round_trip / (1 - round_trip), -np.inf)
    sell = np.broadcast_to(market.sell_eur_per_mwh, horizon.steps)
    return {**band_parameters(columns), "needs_discharging": (sell[None, :] < burning[:, None]).astype(float)}


def formulate(b: Block, p: Symbols, horizon: Horizon, s: BatteryStructure) -> None:
    h, T = horizon.step_h, range(horizon.steps)
    b.charge_kw = pyo.Var(T, bounds=(0, p.max_charge_kw))
    b.discharge_kw = pyo.Var(T, bounds=(0, p.max_discharge_kw))
    b.discharging = pyo.Var(T, domain=pyo.Binary)
    level(b, p, horizon, s.band)

    @b.Constraint(T, doc="e[t] = e[t-1] (1 - sd)^h + h (η⁻ p⁻[t] - p⁺[t] / η⁺)")
    def energy_balance(b: Block, t: int) -> Expr:
        before = b.energy_kwh[t - 1] if t else p.initial_soc * p.capacity_kwh
        kept = (1 - p.self_discharge_per_h) ** h * before
        return b.energy_kwh[t] == kept + h * (
            p.charge_efficiency * b.charge_kw[t] - b.discharge_kw[t] / p.discharge_efficiency
        )

    @b.Constraint(T, doc="p⁺[t] ≤ P⁺ u[t]")
    def discharge_only_when_discharging(b: Block, t: int) -> Expr:
        return b.discharge_kw[t] <= p.max_discharge_kw * b.discharging[t]

    @b.Constraint(T, doc="p⁻[t] ≤ P⁻ (1 - u[t])")
    def charge_only_when_not(b: Block, t: int) -> Expr:
        return b.charge_kw[t] <= p.max_charge_kw * (1 - b.discharging[t])

    b.power_kw = pyo.Expression(T, rule=lambda b, t: b.discharge_kw[t] - b.charge_kw[t])
    b.wear_eur = pyo.Expression(expr=sum(h * p.wear_eur_per_kwh * b.discharge_kw[t] for t in T))
    if not s.grid_charging:
        b.green_charge_kw = pyo.Expression(T, rule=lambda b, t: b.charge_kw[t])
    if s.headroom:
        _headroom(b, p, T, s)


def _headroom(b: Block, p: Symbols, T: range, s: BatteryStructure) -> None:
    """min(power left, energy left over one hour), never below 0.

    Where there is a band, the level may be outside it: `short[t]` = 1 says that energy offers 0 then, not less.
    """
    b.up_kw = pyo.Var(T, bounds=(0, None))

    @b.Constraint(T, doc="r⁺[t] ≤ P⁺ - p[t]")
    def up_by_power(b: Block, t: int) -> Expr:
        return b.up_kw[t] <= p.max_discharge_kw - b.power_kw[t]

    if s.band.floor:
        b.short_up = pyo.Var(T, domain=pyo.Binary)

        @b.Constraint(T, doc="r⁺[t] ≤ (P⁺ + P⁻) (1 - short)")
        def up_only_when_not_short(b: Block, t: int) -> Expr:
            return b.up_kw[t] <= (p.max_discharge_kw + p.max_charge_kw) * (1 - b.short_up[t])

    @b.Constraint(T, doc="r⁺[t] ≤ (e[t] - min_soc E) η⁺ / 1 h, or 0")
    def up_by_energy(b: Block, t: int) -> Expr:
        left = b.energy_kwh[t] - p.min_soc * p.capacity_kwh
        short = p.min_soc * p.capacity_kwh * b.short_up[t] if s.band.floor else 0
        return b.up_kw[t] <= p.discharge_efficiency * (left + short)

    b.headroom_up_kw = pyo.Expression(T, rule=lambda b, t: b.up_kw[t])
    if s.grid_charging:
        _headroom_down(b, p, T, s)


def _headroom_down(b: Block, p: Symbols, T: range, s: BatteryStructure) -> None:
    b.down_kw = pyo.Var(T, bounds=(0, None))

    @b.Constraint(T, doc="r⁻[t] ≤ P⁻ + p[t]")
    def down_by_power(b: Block, t: int) -> Expr:
        return b.down_kw[t] <= p.max_charge_kw + b.power_kw[t]

    if s.band.ceiling:
        b.short_down = pyo.Var(T, domain=pyo.Binary)

        @b.Constraint(T, doc="r⁻[t] ≤ (P⁺ + P⁻) (1 - short)")
        def down_only_when_not_short(b: Block, t: int) -> Expr:
            return b.down_kw[t] <= (p.max_discharge_kw + p.max_charge_kw) * (1 - b.short_down[t])

    @b.Constraint(T, doc="r⁻[t] ≤ (max_soc E - e[t]) / η⁻ / 1 h, or 0")
    def down_by_energy(b: Block, t: int) -> Expr:
        left = p.max_soc * p.capacity_kwh - b.energy_kwh[t]
        short = (1 - p.max_soc) * p.capacity_kwh * b.short_down[t] if s.band.ceiling else 0
        return b.down_kw[t] <= (left + short) / p.charge_efficiency

    b.headroom_down_kw = pyo.Expression(T, rule=lambda b, t: b.down_kw[t])


def retrace(columns: Columns, schedule: Schedule, horizon: Horizon, s: BatteryStructure) -> dict[str, Array]:
    power, h = schedule["power_kw"], horizon.step_h
    charge, discharge = np.maximum(-power, 0.0), np.maximum(power, 0.0)
    into, out_of = columns["charge_efficiency"][:, None], columns["discharge_efficiency"][:, None]
    kept = (1 - columns["self_discharge_per_h"]) ** h
    levels = retraced_level(columns, h * (into * charge - discharge / out_of), kept, s.band)
    out = {"charge_kw": charge, "discharge_kw": discharge, "discharging": (power > 0).astype(float), **levels}
    return {**out, **_retraced_headroom(columns, power, levels["energy_kwh"], s)} if s.headroom else out


def _retraced_headroom(columns: Columns, power: Array, energy: Array, s: BatteryStructure) -> dict[str, Array]:
    floor, ceiling = (columns[name] * columns["capacity_kwh"] for name in ("min_soc", "max_soc"))
    left = (energy - floor[:, None]) * columns["discharge_efficiency"][:, None]
    room = (ceiling[:, None] - energy) / columns["charge_efficiency"][:, None]
    up = np.minimum(columns["max_discharge_kw"][:, None] - power, left)
    down = np.minimum(columns["max_charge_kw"][:, None] + power, room)
    return {"up_kw": np.maximum(up, 0.0), "short_up": (left < 0).astype(float),
            "down_kw": np.maximum(down, 0.0), "short_down": (room < 0).astype(float)}  # fmt: skip


def check(asset: Battery, outlook: BatteryOutlook) -> Sequence[tuple[str, str]]:
    return band_is_in_order(asset)


def shape(columns: Columns, horizon: Horizon, market: Market) -> Store:
    free = columns["grid_charging"] > 0
    kept = (1 - columns["self_discharge_per_h"]) ** horizon.step_h
    return Store(
        charge_kw=columns["max_charge_kw"], discharge_kw=columns["max_discharge_kw"],
        charge_efficiency=columns["charge_efficiency"], discharge_efficiency=columns["discharge_efficiency"],
        discharge_cost=columns["wear_eur_per_kwh"], kept=kept, headroom_down=free,
        fits=free & (kept**horizon.steps > LEAST_KEPT), **level_numbers(columns),
    )  # fmt: skip


class BatterySimulator:
    """Follows an order as far as its level allows; by itself it covers its node's demand and stores the surplus."""

    def __init__(self, unit: Unit) -> None:
        self._a: Battery = unit.asset
        self.energy_kwh = unit.outlook.initial_soc * self._a.capacity_kwh

    def step(self, order_kw: float | None, site: Site, hours: float) -> Mapping[str, float]:
        a = self._a
        kept = self.energy_kwh * (1 - a.self_discharge_per_h) ** hours
        wanted = site.residual_kw if order_kw is None else order_kw
        floor = min(kept, a.min_soc * a.capacity_kwh)
        ceiling = max(kept, a.max_soc * a.capacity_kwh)
        if wanted >= 0:
            power = min(wanted, a.max_discharge_kw, (kept - floor) * a.discharge_efficiency / hours)
            self.energy_kwh = kept - power * hours / a.discharge_efficiency
        else:
            room = (ceiling - kept) / a.charge_efficiency / hours
            room = room if a.grid_charging else min(room, site.green_kw)
            power = -min(-wanted, a.max_charge_kw, room)
            self.energy_kwh = kept - power * hours * a.charge_efficiency
        self.energy_kwh = min(max(self.energy_kwh, 0.0), a.capacity_kwh)
        soc = self.energy_kwh / a.capacity_kwh if a.capacity_kwh else 0.0
        return {"power_kw": power, "energy_kwh": self.energy_kwh, "soc": soc}


class BatteryTogether:
    """Own control of many batteries: each covers its share of its node's demand and stores its share of the surplus."""

    def __init__(self, columns: Columns, horizon: Horizon) -> None:
        self._c, self._hours = columns, horizon.step_h
        self._kept = (1 - columns["self_discharge_per_h"]) ** horizon.step_h
        self.energy_kwh = columns["initial_soc"] * columns["capacity_kwh"]

    def step(self, t: int, around: Surroundings) -> Mapping[str, Array]:
        c, h, kept = self._c, self._hours, self._kept * self.energy_kwh
        floor = np.minimum(kept, c["min_soc"] * c["capacity_kwh"])
        ceiling = np.maximum(kept, c["max_soc"] * c["capacity_kwh"])
        out = np.minimum(c["max_discharge_kw"], (kept - floor) * c["discharge_efficiency"] / h)
        into = np.minimum(c["max_charge_kw"], (ceiling - kept) / c["charge_efficiency"] / h)
        into = np.where(c["grid_charging"] > 0, into, np.minimum(into, around.green_kw))
        power = np.maximum(np.minimum(around.residual_kw, out), -into)
        gained = np.where(power > 0, -power / c["discharge_efficiency"], -power * c["charge_efficiency"])
        self.energy_kwh = np.clip(kept + h * gained, 0.0, c["capacity_kwh"])
        return {"power_kw": power, "energy_kwh": self.energy_kwh}


BATTERY = AssetType(name="battery", nameplate=Battery, outlook=BatteryOutlook, structure=structure,
                    parameters=parameters, formulate=formulate, retrace=retrace, simulator=BatterySimulator,
                    check=check, together=BatteryTogether,
                    exclusive={"discharging": ("charge_kw", "discharge_kw")},
                shape=shape)  # fmt: skip
