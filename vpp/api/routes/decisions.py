"""What people decide instead of the optimiser: overrides and limits, each with author, reason and end."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4, uuid5

from fastapi import APIRouter, Header

from assets import ASSET_TYPES
from vpp.api import values as v
from vpp.api.access import Anybody, Operator, Steering, TheClock, TheStore, owner_filter
from vpp.api.problems import Problem, declared
from vpp.api.routes.assets import known
from vpp.store import Store, listing
from vpp.store.dispatching import Override, OverrideKind, add_override, end_override, grid, overrides
from vpp.store.people import Role, Who

router = APIRouter(tags=["decisions"])

Key = Annotated[
    str | None, Header(alias="Idempotency-Key", max_length=200, description="The same key again does nothing again.")
]
MOST_RELEASED = 100_000
KEYS = UUID("6f7ad1f2-8f0e-4a53-9f0b-2f5d6a6a5a51")


@router.get("/overrides", responses=declared(401, 403))
def list_overrides(who: Anybody, store: TheStore, clock: TheClock) -> list[v.Override]:
    """In force or coming, limits among them; an owner sees those of the own assets."""
    return [v.Override.model_validate(o) for o in overrides(store, clock.now(), owner_filter(who))]


@router.post("/overrides", status_code=201, responses=declared(401, 403, 404, 409))
def override(given: v.NewOverride, who: Steering, store: TheStore, clock: TheClock, key: Key = None) -> v.Override:
    """Lock an asset to a power, or exclude it from orders. An owner may exclude what is the owner's."""
    asset = known(store, who, given.target)
    kind = OverrideKind(given.kind)
    if who.role is Role.OWNER and kind is not OverrideKind.EXCLUDE:
        raise Problem(403, "role owner may exclude own assets; allowed: kind exclude")
    if (kind is OverrideKind.LOCK) != (given.value_kw is not None):
        raise Problem(422, "value_kw: is for kind lock, and needed there")
    if kind is OverrideKind.LOCK:
        within_nameplate(asset, given.value_kw or 0.0)
    return _made(store, who, clock, kind, given, key, value_kw=given.value_kw)


@router.post("/limits", status_code=201, responses=declared(401, 403, 404, 409))
def limit(given: v.NewLimit, who: Operator, store: TheStore, clock: TheClock, key: Key = None) -> v.Override:
    """Limit an asset, a group or a node for a time."""
    if given.max_import_kw is None and given.max_export_kw is None:
        raise Problem(422, "max_import_kw, max_export_kw: both are empty; allowed: at least one of them")
    if not is_target(store, given.target):
        raise Problem(404, f"limit: there is no asset, group or electricity node '{given.target}'")
    bounds = {"max_import_kw": given.max_import_kw, "max_export_kw": given.max_export_kw}
    return _made(store, who, clock, OverrideKind.LIMIT, given, key, **bounds)


@router.post("/releases", status_code=201, responses=declared(401, 403, 404, 409))
def release(given: v.NewRelease, who: Steering, store: TheStore, clock: TheClock, key: Key = None) -> list[v.Override]:
    """Hand an asset, or all that take orders, back to their own control now: what they were ordered is withdrawn, and
    they are excluded until then. An owner releases what is the owner's."""
    if given.target is not None:
        targets = [known(store, who, given.target)["id"]]
    else:
        every = listing.assets(store, owner_filter(who), "", MOST_RELEASED)
        targets = [a["id"] for a in every if ASSET_TYPES[a["kind"]].controllable and a["profile"] is not None]
    wished = [v.NewOverride(kind="exclude", target=id, until=given.until, reason=given.reason) for id in targets]
    return [
        _made(store, who, clock, OverrideKind.EXCLUDE, w, None if key is None else f"{key}\n{w.target}") for w in wished
    ]


@router.delete("/overrides/{override_id}", status_code=204, responses=declared(401, 403, 404))
def take_back(override_id: UUID, who: Steering, store: TheStore, clock: TheClock) -> None:
    """End an override or a limit before its time. An owner may end what the owner decided."""
    now = clock.now()
    owner = owner_filter(who)
    found = next((o for o in overrides(store, now, owner) if o.override_id == override_id), None)
    mine = found is not None and (owner is None or found.author == who.name)
    if found is None or not mine or not end_override(store, override_id, who.name, now, owner):
        raise Problem(404, f"override {override_id}: there is none in force that you may end")
    store.audit(who.name, "end", f"override {override_id}", _noted(found), None, datetime.now(UTC))


def _made(
    store: Store, who: Who, clock: TheClock, kind: OverrideKind, given: v.NewOverride | v.NewLimit, key: str | None,
    **amounts: float | None,
) -> v.Override:  # fmt: skip
    now = clock.now()
    start = given.start or now
    if given.until <= max(start, now):
        raise Problem(422, f"until: {given.until.isoformat()} is not after its start and now; allowed: a later time")
    id = uuid4() if key is None else uuid5(KEYS, f"{who.name}\n{key}")
    empty: dict[str, Any] = {"value_kw": None, "max_import_kw": None, "max_export_kw": None}
    made = Override(
        override_id=id, kind=kind, target=given.target, start=start, until=given.until, author=who.name,
        reason=given.reason, created=now, **{**empty, **amounts},
    )  # fmt: skip
    if add_override(store, made, owner_filter(who)):
        store.audit(who.name, kind.value, f"override {id}", None, _noted(made), datetime.now(UTC))
    return v.Override.model_validate(made)


def _noted(override: Override) -> dict[str, Any]:
    """For the audit log."""
    return {k: str(value) if isinstance(value, UUID) else value for k, value in asdict(override).items()}


def within_nameplate(asset: listing.Line, value_kw: float) -> None:
    """A lock that the asset could not follow would be refused by its device, or by physics."""
    n = asset["nameplate"]
    sides = {
        "pv": (0.0, n.get("peak_kw")), "wind": (0.0, n.get("peak_kw")),
        "battery": (-(n.get("max_charge_kw") or 0.0), n.get("max_discharge_kw")),
        "heat_pump": (-(n.get("max_power_kw") or 0.0), 0.0), "chp": (0.0, n.get("max_power_kw")),
        "gas_boiler": (0.0, n.get("max_heat_kw")),
    }  # fmt: skip
    if asset["kind"] not in sides or not ASSET_TYPES[asset["kind"]].controllable:
        raise Problem(409, f"{asset['kind']} '{asset['id']}' takes no orders; allowed: {', '.join(sides)}")
    low, high = sides[asset["kind"]]
    if not low <= value_kw <= (high or 0.0):
        raise Problem(
            422, f"value_kw: {value_kw:g} is outside {low:g} … {high:g} kW of {asset['kind']} '{asset['id']}'"
        )


def is_target(store: Store, target: str) -> bool:
    """An asset with an electricity node, a group, or an electricity node."""
    found = grid(store)
    nodes = {n["id"] for n in found.nodes if n.get("carrier") == "electricity"} if found else set[str]()
    groups = {g["group"] for g in found.groups} if found else set[str]()
    assets = listing.assets(store, None, "", 1, target)
    return target in nodes | groups or bool(assets and assets[0]["node"])
