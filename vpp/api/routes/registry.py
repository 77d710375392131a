"""Assets into the registry and out of it, and their devices on trial."""

from datetime import UTC, datetime
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from assets import ASSET_TYPES, PROFILES
from vpp.api import values as v
from vpp.api.access import Steering, TheClock, TheStore, owner_filter
from vpp.api.problems import Problem, declared
from vpp.api.routes.assets import known, tag_of
from vpp.devices import Profile, load_profiles
from vpp.devices.site import RATINGS
from vpp.operations import registry
from vpp.operations.registry import Description
from vpp.store.people import Role, Who
from vpp.store.registering import Changed, Entry, Taken, address_is_others, put_asset

router = APIRouter(tags=["registry"])

Seen = Annotated[str | None, Header(alias="If-Match", max_length=100, description="The ETag of what was read.")]


@router.put("/assets/{asset_id}", responses=declared(401, 403, 404, 409))
def put(
    asset_id: v.Name, given: v.NewAsset, request: Request, response: Response, who: Steering, store: TheStore,
    clock: TheClock, seen: Seen = None,
) -> v.Asset:  # fmt: skip
    """Register an asset, or change it from now on; what it was before is kept. An owner's asset becomes the owner's."""
    now, owner = clock.now(), owner_filter(who)
    described = Description(
        id=asset_id, kind=given.kind, nameplate=given.nameplate, outlook=given.outlook, profile=given.profile,
        address=given.address,
    )  # fmt: skip
    unit = registry.unit_of(store, ASSET_TYPES, described, now)
    registry.device_of(described, profiles(), request.app.state.networks)
    entry = Entry(unit=unit, profile=given.profile, address=given.address, owner=owner or given.owner)
    try:
        put_asset(store, entry, by=who.name, by_owner=owner, now=now, seen=_instant(seen))
    except (Taken, Changed) as problem:
        raise Problem(409, str(problem)) from None
    made = known(store, who, asset_id)
    response.headers["ETag"] = tag_of(made)
    return v.Asset.model_validate(made)


@router.delete("/assets/{asset_id}", status_code=204, responses=declared(401, 403, 404))
def retire(asset_id: v.Name, who: Steering, store: TheStore, clock: TheClock) -> None:
    """It is out of use from now on: neither planned nor ordered. Its history stays."""
    known(store, who, asset_id)
    store.retire([asset_id], clock.now())
    store.audit(who.name, "retire", f"asset {asset_id}", None, None, datetime.now(UTC))


@router.post("/probe", responses=declared(401, 403, 409))
def probe_address(given: v.NewProbe, request: Request, who: Steering, store: TheStore, clock: TheClock) -> v.Protocol:
    """Try a device that is not registered yet: reach, recognise, read. Nothing is written to it."""
    if given.profile not in profiles():
        raise Problem(422, f"profile: '{given.profile}' is unknown; allowed: one of the list of profiles")
    kind = profiles()[given.profile].asset
    rated = {} if given.rating_kw is None else {RATINGS.get(kind, ("",))[0]: given.rating_kw}
    tried = Description(id="new", kind=kind, nameplate=rated, outlook={}, profile=given.profile, address=given.address)
    return _probed(tried, request, who, store, clock)


@router.post("/assets/{asset_id}/probe", responses=declared(401, 403, 404, 409))
def probe_asset(asset_id: v.Name, request: Request, who: Steering, store: TheStore, clock: TheClock) -> v.Protocol:
    """Try the asset's device: reach, recognise, read. Nothing is written to it."""
    return _probed(Description.of(known(store, who, asset_id)), request, who, store, clock)


def _probed(tried: Description, request: Request, who: Who, store: TheStore, clock: TheClock) -> v.Protocol:
    networks = request.app.state.networks
    device = registry.device_of(tried, profiles(), networks)
    if device is None or tried.address is None:
        raise Problem(409, f"asset '{tried.id}': has no device; allowed: an asset with profile and address")
    if who.role is Role.OWNER and address_is_others(store, tried.address, who.owner or ""):
        raise Problem(409, f"address {tried.address}: is that of another device; allowed: one that nobody registered")
    found = registry.probe(device, networks, clock)
    store.audit(who.name, "probe", f"device {tried.address}", None, {"passed": found.passed}, datetime.now(UTC))
    return v.Protocol.model_validate(v.finite(found.as_json()))


@cache
def profiles() -> dict[str, Profile]:
    return dict(load_profiles(PROFILES))


def _instant(tag: str | None) -> datetime | None:
    if tag is None:
        return None
    try:
        found = datetime.fromisoformat(tag.strip('"'))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Problem(422, "If-Match: is none of ours; allowed: the ETag of what was read")
    return found
