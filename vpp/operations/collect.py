"""Read the field and keep what was read; and what readings say about the state of assets."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from vpp.devices import Field
from vpp.domain import Quality, Reading, Unit
from vpp.store import Store

USABLE = (Quality.GOOD, Quality.SUBSTITUTED)
"""Readings that a plan may start from; a suspect one is outside its plausible range."""

Latest = Mapping[tuple[str, str], Reading]
"""The newest reading by (asset id, point)."""


async def collect(field: Field, store: Store, group: str | None = None) -> tuple[list[Reading], int]:
    """Every device at once (one cadence group, or all); what was read, and how many readings were new in the store."""
    readings = await field.read_all(group)
    return readings, store.store_readings(readings)


def usable(latest: Latest, asset_id: str, point: str) -> float | None:
    """The newest value of a point, if a plan may start from it."""
    reading = latest.get((asset_id, point))
    return reading.value if reading is not None and reading.quality in USABLE else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Units as their readings show them."""

    units: Sequence[Unit]
    assumed: tuple[str, ...]
    """Assets whose state could not be read: it is taken from what was expected."""

    def steered(self, by_themselves: Collection[str]) -> list[Unit]:
        """The units for a plan: those that nobody can steer are planned as they run by themselves."""
        return [without_orders(u) if u.id in by_themselves else u for u in self.units]


def as_read(units: Iterable[Unit], latest: Latest, passed: timedelta = timedelta()) -> Known:
    """Each unit with its state from its newest readings, `passed` after the state it has in its outlook.

    Levels: `energy_kwh`, else `soc`. On and off: `on`; how long for is counted on from the outlook.
    """
    known, assumed = list[Unit](), list[str]()
    for unit in units:
        changes = _state(unit, latest, passed.total_seconds() / 3600)
        if changes is None:
            assumed.append(unit.id)
        known.append(replace(unit, outlook=replace(unit.outlook, **changes)) if changes else unit)
    return Known(units=known, assumed=tuple(assumed))


def _state(unit: Unit, latest: Latest, hours: float) -> dict[str, Any] | None:
    """Columns of the outlook that readings replace; None: there is a state, and nothing usable was read."""
    if hasattr(unit.outlook, "initial_soc"):
        soc = _soc(unit, latest)
        return None if soc is None else {"initial_soc": soc}
    if hasattr(unit.outlook, "initial_on_h"):
        on = usable(latest, unit.id, "on")
        return None if on is None else {"initial_on_h": _on_for(unit.outlook.initial_on_h, on > 0.5, hours)}
    return {}


def _soc(unit: Unit, latest: Latest) -> float | None:
    energy, soc = usable(latest, unit.id, "energy_kwh"), usable(latest, unit.id, "soc")
    if energy is not None and unit.asset.capacity_kwh > 0:
        soc = energy / unit.asset.capacity_kwh
    return None if soc is None else min(max(soc, 0.0), 1.0)


def _on_for(before_h: float, on: bool, hours: float) -> float:
    """Hours on (> 0) or off (< 0): counted on while nothing changes, from the last step where it did."""
    if (before_h > 0) == on:
        return before_h + hours if on else before_h - hours
    return max(hours, 1e-3) if on else -max(hours, 1e-3)


def without_orders(unit: Unit) -> Unit:
    """A unit that nobody can steer: a battery rests, PV gives what it gives, heat sources follow their store.

    Nobody can ask it for a level at the end either.
    """
    if unit.type == "battery":
        rests = replace(unit.asset, max_charge_kw=0.0, max_discharge_kw=0.0)
        return replace(unit, asset=rests, outlook=replace(unit.outlook, final_soc_min=None))
    if unit.type in ("pv", "wind"):
        return replace(unit, asset=replace(unit.asset, curtailable=False))
    return unit
