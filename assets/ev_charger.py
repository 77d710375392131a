"""Charge point with the vehicles that come to it.

    c   charge_kw[t]      power from the bus            kW    0, or C_min … C, while a vehicle is there
    d   discharge_kw[t]   power to the bus (V2G)        kW    0 … D
    e   energy_kwh[t]     level of the vehicle there, at the end of t (0: none)   kWh
    m   missing_kwh[t]    at a departure, below what was asked for                kWh, soft
    u   charging[t]       1: charging, 0: not (or discharging)

One column for all sessions of a charge point: `carry[t]` is 1 while the vehicle of t-1 is still there. A session uses
the steps wholly inside [arrival, departure). Single-session linear programme with a semi-continuous minimum (6 A).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil, floor

import numpy as np

from vpp.domain import Array, AssetType, Columns, Horizon, Market, Rules, Schedule, Site, Stays, Surroundings, Unit
from vpp.domain.columns import efficiency, instant, magnitude, positive, rows, text
from vpp.milp import Block, Expr, Symbols, pyo


@dataclass(frozen=True, slots=True, kw_only=True)
class EvSession:
    """A vehicle's stay: columns of `ev_session.csv`."""

    charger: str = text()
    arrival: datetime = instant()
    departure: datetime = instant()
    energy_kwh: float = magnitude()
    """Into the vehicle's battery, after efficiency."""
    battery_kwh: float | None = positive(None)
    arrival_kwh: float | None = magnitude(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvCharger:
    """Nameplate: columns of `ev_charger.csv`."""

    id: str = text()
    node: str = text(refers_to="electricity")
    max_charge_kw: float = magnitude()
    min_charge_kw: float = magnitude(0.0)
    """Semi-continuous: 0 or at least this (6 A: 1.4 kW on one phase, 4.1 kW on three)."""
    max_discharge_kw: float = magnitude(0.0)
    efficiency: float = efficiency(0.9)
    """In each direction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvChargerOutlook:
    sessions: Sequence[EvSession] = rows(EvSession, file="ev_session", by="charger")


@dataclass(frozen=True, slots=True)
class EvStructure:
    minimum: bool
    v2g: bool

    @property
    def binary(self) -> bool:
        return self.minimum or self.v2g


def structure(unit: Unit, horizon: Horizon, rules: Rules) -> EvStructure:
    a: EvCharger = unit.asset
    both = any(s.battery_kwh is not None and s.arrival_kwh is not None for s in unit.outlook.sessions)
    return EvStructure(a.min_charge_kw > 0, a.max_discharge_kw > 0 and both)


_PER_STEP = ("charge_limit_kw", "discharge_limit_kw", "carry", "arrives_kwh", "ceiling_kwh", "target_kwh", "lost_kwh",
             "wanted_kwh")  # fmt: skip


def parameters(columns: Columns, horizon: Horizon, market: Market) -> dict[str, Array]:
    """Per step: who is there (`charge_limit_kw`, `discharge_limit_kw`, `carry`), with what (`arrives_kwh`), how full it
    may get (`ceiling_kwh`), what it must hold (`target_kwh`) and wants in the end (`wanted_kwh`), and `lost_kwh` of
    stays without a whole step."""
    n = len(columns["max_charge_kw"])
    out = {name: np.zeros((n, horizon.steps)) for name in _PER_STEP}
    for s in _stays(columns, horizon):
        i, at, last = s.charger, slice(s.first, s.end), s.end - 1
        if s.first >= s.end:
            out["lost_kwh"][i, s.leaves] += max(0.0, s.target_kwh - s.arrival_kwh)
            continue
        out["charge_limit_kw"][i, at] = columns["max_charge_kw"][i]
        out["discharge_limit_kw"][i, at] = s.discharge_kw
        out["carry"][i, s.first + 1 : s.end] = 1.0
        out["arrives_kwh"][i, s.first] = s.arrival_kwh
        out["ceiling_kwh"][i, at] = s.most_kwh
        out["target_kwh"][i, last] = s.target_kwh
        out["wanted_kwh"][i, at] = s.wanted_kwh
    negative = (np.broadcast_to(market.sell_eur_per_mwh, horizon.steps) < 0)[None, :]
    there = out["charge_limit_kw"] > 0
    steps_apart = (columns["min_charge_kw"][:, None] > 0) & there
    out["needs_charging"] = (steps_apart | (negative & (out["discharge_limit_kw"] > 0))).astype(float)
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stay:
    """A session in steps of the horizon: there from `first` to before `end`; without a whole step first ≥ end."""

    charger: int
    first: int
    end: int
    leaves: int
    """Step in which it is gone."""
    arrival_kwh: float
    target_kwh: float
    """To hold at the end of the stay, or of the horizon."""
    wanted_kwh: float
    most_kwh: float
    discharge_kw: float


def _stays(columns: Columns, horizon: Horizon) -> Iterator[_Stay]:
    """Of all charge points, in the order of time."""
    numbers = {k: columns[k].tolist() for k in ("max_charge_kw", "min_charge_kw", "max_discharge_kw", "efficiency")}
    for i, sessions in enumerate(columns["sessions"]):
        for s in sorted(sessions, key=lambda s: s.arrival):
            if s.departure > horizon.start and s.arrival < horizon.end:
                yield _stay(i, s, horizon, **{k: v[i] for k, v in numbers.items()})


def _stay(charger: int, s: EvSession, horizon: Horizon, *, max_charge_kw: float, min_charge_kw: float,
          max_discharge_kw: float, efficiency: float) -> _Stay:  # fmt: skip
    arrival = s.arrival_kwh or 0.0
    later = max(0, floor((s.departure - horizon.end) / horizon.step)) * horizon.step_h
    most = arrival + s.energy_kwh + efficiency * min_charge_kw * horizon.step_h
    known = s.battery_kwh is not None and s.arrival_kwh is not None
    if s.battery_kwh is not None and known:
        most = s.battery_kwh
    return _Stay(
        charger=charger, first=max(0, ceil((s.arrival - horizon.start) / horizon.step)),
        end=min(horizon.steps, floor((s.departure - horizon.start) / horizon.step)),
        leaves=min(horizon.steps, max(1, ceil((s.departure - horizon.start) / horizon.step))) - 1,
        arrival_kwh=arrival, target_kwh=max(0.0, arrival + s.energy_kwh - efficiency * max_charge_kw * later),
        wanted_kwh=arrival + s.energy_kwh, most_kwh=most, discharge_kw=max_discharge_kw if known else 0.0,
    )  # fmt: skip


def shape(columns: Columns, horizon: Horizon, market: Market) -> Stays:
    there = [s for s in _stays(columns, horizon) if s.first < s.end]
    asset, first, end = (np.array([getattr(s, f) for s in there], dtype=np.int64) for f in ("charger", "first", "end"))

    def of(name: str) -> Array:
        return np.array([getattr(s, name) for s in there], dtype=float)

    return Stays(
        asset=asset, first=first, end=end, charge_kw=columns["max_charge_kw"][asset],
        least_kw=columns["min_charge_kw"][asset], discharge_kw=of("discharge_kw"),
        efficiency=columns["efficiency"][asset], initial=of("arrival_kwh"), capacity=of("most_kwh"),
        wanted=of("target_kwh"), lost_kwh=columns["lost_kwh"].sum(axis=1),
    )  # fmt: skip


def formulate(b: Block, p: Symbols, horizon: Horizon, s: EvStructure) -> None:
    h, T = horizon.step_h, range(horizon.steps)
    b.charge_kw = pyo.Var(T, bounds=lambda _, t: (0, p.charge_limit_kw[t]))
    if s.v2g:
        b.discharge_kw = pyo.Var(T, bounds=lambda _, t: (0, p.discharge_limit_kw[t]))
    b.energy_kwh = pyo.Var(T, bounds=lambda _, t: (0, p.ceiling_kwh[t]))
    b.missing_kwh = pyo.Var(T, bounds=lambda _, t: (0, p.target_kwh[t]))

    @b.Constraint(T, doc="e[t] = carry[t] e[t-1] + arrives[t] + h (η c[t] - d[t] / η)")
    def energy_balance(b: Block, t: int) -> Expr:
        before = p.carry[t] * b.energy_kwh[t - 1] if t else 0
        taken = b.discharge_kw[t] / p.efficiency if s.v2g else 0
        return b.energy_kwh[t] == before + p.arrives_kwh[t] + h * (p.efficiency * b.charge_kw[t] - taken)

    @b.Constraint(T, doc="e[t] + m[t] ≥ target[t]")
    def level_at_departure(b: Block, t: int) -> Expr:
        return b.energy_kwh[t] + b.missing_kwh[t] >= p.target_kwh[t]

    if s.binary:
        _one_mode(b, p, T, s)
    given = (lambda b, t: b.discharge_kw[t]) if s.v2g else (lambda b, t: 0)
    b.power_kw = pyo.Expression(T, rule=lambda b, t: given(b, t) - b.charge_kw[t])
    b.session_violation_kwh = pyo.Expression(T, rule=lambda b, t: b.missing_kwh[t] + p.lost_kwh[t])


def _one_mode(b: Block, p: Symbols, T: range, s: EvStructure) -> None:
    b.charging = pyo.Var(T, domain=pyo.Binary)

    @b.Constraint(T, doc="c[t] ≤ C u[t]")
    def charge_only_when_charging(b: Block, t: int) -> Expr:
        return b.charge_kw[t] <= p.charge_limit_kw[t] * b.charging[t]

    if s.minimum:

        @b.Constraint(T, doc="c[t] ≥ C_min u[t]")
        def minimum_charge(b: Block, t: int) -> Expr:
            return b.charge_kw[t] >= p.min_charge_kw * b.charging[t]

    if s.v2g:

        @b.Constraint(T, doc="d[t] ≤ D (1 - u[t])")
        def discharge_only_when_not(b: Block, t: int) -> Expr:
            return b.discharge_kw[t] <= p.discharge_limit_kw[t] * (1 - b.charging[t])


def retrace(columns: Columns, schedule: Schedule, horizon: Horizon, s: EvStructure) -> dict[str, Array]:
    power = schedule["power_kw"]
    charge, discharge = np.maximum(-power, 0.0), np.maximum(power, 0.0)
    eta, energy = columns["efficiency"], np.zeros_like(power)
    for t in range(horizon.steps):
        before = columns["carry"][:, t] * energy[:, t - 1] if t else 0.0
        flow = eta * charge[:, t] - discharge[:, t] / eta
        energy[:, t] = before + columns["arrives_kwh"][:, t] + horizon.step_h * flow
    missing = np.maximum(columns["target_kwh"] - energy, 0.0)
    out = {"charge_kw": charge, "energy_kwh": energy, "missing_kwh": missing}
    if s.v2g:
        out["discharge_kw"] = discharge
    return {**out, "charging": (charge > 0).astype(float)} if s.binary else out


def check(asset: EvCharger, outlook: EvChargerOutlook) -> Sequence[tuple[str, str]]:
    if asset.min_charge_kw > asset.max_charge_kw:
        problem = f"{asset.min_charge_kw:g} is above max_charge_kw {asset.max_charge_kw:g}"
        return [("min_charge_kw", f"{problem}; allowed: at most max_charge_kw")]
    return []


class EvChargerSimulator:
    """Charges at full power until the vehicle has what it came for; an order slows, stops or reverses it."""

    def __init__(self, unit: Unit) -> None:
        self._a: EvCharger = unit.asset
        self.energy_kwh = 0.0

    def step(self, order_kw: float | None, site: Site, hours: float) -> Mapping[str, float]:
        a, now = self._a, site.now
        level = now["carry"] * self.energy_kwh + now["arrives_kwh"]
        lacks = max(0.0, now["wanted_kwh"] - level) / a.efficiency / hours
        own = -max(lacks, a.min_charge_kw) if lacks > 1e-9 else 0.0
        wanted = own if order_kw is None else order_kw
        room = max(0.0, now["ceiling_kwh"] - level) / a.efficiency / hours
        charge = min(max(-wanted, 0.0), now["charge_limit_kw"], room)
        charge = charge if charge >= a.min_charge_kw - 1e-6 else 0.0
        discharge = min(max(wanted, 0.0), now["discharge_limit_kw"], max(0.0, level) * a.efficiency / hours)
        self.energy_kwh = max(0.0, level + hours * (a.efficiency * charge - discharge / a.efficiency))
        return {"power_kw": discharge - charge, "energy_kwh": self.energy_kwh}


class ChargersTogether:
    """Own control of many charge points: full power until the vehicle has what it came for."""

    def __init__(self, columns: Columns, horizon: Horizon) -> None:
        self._c, self._hours = columns, horizon.step_h
        self.energy_kwh = np.zeros(len(columns["max_charge_kw"]))

    def step(self, t: int, around: Surroundings) -> Mapping[str, Array]:
        c, h, eta = self._c, self._hours, self._c["efficiency"]
        level = c["carry"][:, t] * self.energy_kwh + c["arrives_kwh"][:, t]
        lacks = np.maximum(c["wanted_kwh"][:, t] - level, 0.0) / eta / h
        wanted = np.where(lacks > 1e-9, np.maximum(lacks, c["min_charge_kw"]), 0.0)
        room = np.maximum(c["ceiling_kwh"][:, t] - level, 0.0) / eta / h
        charge = np.minimum(np.minimum(wanted, c["charge_limit_kw"][:, t]), room)
        charge = np.where(charge >= c["min_charge_kw"] - 1e-6, charge, 0.0)
        self.energy_kwh = level + h * eta * charge
        return {"power_kw": -charge, "energy_kwh": self.energy_kwh}


EV_CHARGER = AssetType(name="ev_charger", nameplate=EvCharger, outlook=EvChargerOutlook, structure=structure,
                       parameters=parameters, formulate=formulate, retrace=retrace, simulator=EvChargerSimulator,
                       check=check, together=ChargersTogether, shape=shape,
                       exclusive={"charging": ("charge_kw", "discharge_kw")})  # fmt: skip
