"""An asset described by columns: checked like a row of a case; its device is tried in permitted networks only."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, TypeVar

import numpy as np

from vpp.cases import from_tables
from vpp.devices import Field, Profile
from vpp.devices.commissioning import Commissioning, Protocol, Step
from vpp.devices.device import Device
from vpp.devices.site import Registered, registered_site
from vpp.domain import MARKET_ZONE, AssetType, Clock, Mistake, Mistakes, Unit, market_day, nearest
from vpp.operations.live_case import named_series, tables_of_registry
from vpp.store import RegisteredAsset, Store, StoreError, listing
from vpp.store.dispatching import grid

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What somebody says of an asset: columns of the case format."""

    id: str
    kind: str
    nameplate: Mapping[str, Any]
    outlook: Mapping[str, Any]
    profile: str | None
    address: str | None
    """host:port/unit"""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Description":
        """A row of the registry, as it would be described anew."""
        names = ("id", "kind", "nameplate", "outlook", "profile", "address")
        return cls(**{name: row[name] for name in names})


def unit_of(store: Store, asset_types: Mapping[str, AssetType], given: Description, now: datetime) -> Unit:
    """The asset as a row of the live case; raises Mistakes, all of them at once."""
    if given.kind not in asset_types:
        raise _wrong(given.id, "kind", f"'{given.kind}' is no asset type{nearest(given.kind, asset_types)}")
    found = grid(store)
    if found is None:
        raise StoreError("asset: there is no grid yet; allowed: once its nodes are known")
    row = RegisteredAsset(
        id=given.id, kind=given.kind, node=None, heat_node=None, nameplate={**given.nameplate, "id": given.id},
        outlook=given.outlook, profile=None, address=None, valid_from=now, valid_to=None,
    )  # fmt: skip
    tables = tables_of_registry([row], asset_types, found)
    tables.pop("groups", None)
    horizon = market_day(now.astimezone(MARKET_ZONE).date())
    wanted = named_series({given.kind: tables[given.kind]}, {})
    known = {s["name"] for s in listing.series(store) if s["kind"] == "forecast"}
    if unknown := sorted(wanted - known):
        raise Mistakes(
            Mistake(where=f"asset '{given.id}'", what=name, problem=f"nothing is forecast under this name"
                    f"{nearest(name, known)}; allowed: a number, or a series that is forecast")
            for name in unknown
        )  # fmt: skip
    every = named_series(tables, {})
    series = {name: np.ones(horizon.steps) for name in every}
    market = {"buy_eur_per_mwh": 1.0, "sell_eur_per_mwh": 1.0}
    case = from_tables(tables, series, market, horizon, asset_types)
    unit = next(u for u in case.units if u.id == given.id)
    return replace(unit, asset=_named(unit.asset, given.nameplate), outlook=_named(unit.outlook, given.outlook))


def _named(part: Any, cells: Mapping[str, Any]) -> Any:
    """With the names of its series instead of their numbers, as the registry keeps it."""
    names = {f.name: cells[f.name] for f in fields(part) if isinstance(getattr(part, f.name), np.ndarray)}
    return replace(part, **names)


def device_of(
    given: Description, profiles: Mapping[str, Profile], networks: Iterable[str], *, writable: bool = False
) -> Device | None:
    """Its device; None: it has none. Raises Mistakes for addresses that may not be contacted, and wrong profiles."""
    if given.profile is None and given.address is None:
        return None
    if given.profile is None or given.address is None:
        raise _wrong(given.id, "profile, address", "one of them is missing; allowed: both, or none of them")
    fitting = sorted(name for name, p in profiles.items() if p.asset == given.kind)
    if given.profile not in fitting:
        allowed = ", ".join(fitting) or "none"
        raise _wrong(given.id, "profile", f"'{given.profile}' is no model of a {given.kind}; allowed: {allowed}")
    row = Registered(
        id=given.id, kind=given.kind, profile=given.profile, address=given.address, nameplate=given.nameplate
    )
    return registered_site([row], profiles, networks, writable=writable).devices[0]


def probe(device: Device, networks: Sequence[str], clock: Clock) -> Protocol:
    """Reach it, recognise it, read it once; nothing is written."""
    return asyncio.run(tried(device, networks, clock, lambda it: it.probe()))


def commission(
    device: Device, networks: Sequence[str], clock: Clock, signed_by: str, note: str, say: Callable[[Step], None]
) -> Protocol:
    """Order, read back, fall silent, watch it let go, release. Takes as long as the device's time-outs."""
    return asyncio.run(tried(device, networks, clock, lambda it: it.commission(signed_by, note), say))


async def tried(
    device: Device, networks: Sequence[str], clock: Clock, act: Callable[[Commissioning], Awaitable[T]],
    say: Callable[[Step], None] = lambda step: None,
) -> T:  # fmt: skip
    """What `act` finds out with the device, alone on a link of its own."""
    field = Field([device], clock=clock, allowed=networks)
    try:
        return await act(Commissioning(device, field.link(device), clock, say))
    finally:
        field.close()


def _wrong(id: str, what: str, problem: str) -> Mistakes:
    return Mistakes([Mistake(where=f"asset '{id}'", what=what, problem=problem)])
