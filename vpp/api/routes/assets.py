"""Assets, device profiles, and what was read."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from assets import PROFILES
from vpp.api import values as v
from vpp.api.access import Anybody, Operator, TheClock, TheStore, owner_filter
from vpp.api.forms import TABLES, cursor, table, text_cursor
from vpp.api.problems import Problem, declared
from vpp.devices import load_profiles
from vpp.operations.owning import earned
from vpp.store import Store, listing
from vpp.store.people import Who

router = APIRouter(tags=["assets"])

Limit = Annotated[int, Query(ge=1, le=1000, description="Items of a page.")]
LongLimit = Annotated[int, Query(ge=1, le=100_000, description="Items of a page.")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before.")]

EARNED = ("day", "delivered_kwh", "taken_kwh", "value_eur", "saved_eur", "quarter_hours", "measured_share")
READING = ("asset_id", "point", "at", "value", "quality")


@router.get("/assets", responses=declared(401, 403))
def list_assets(who: Anybody, store: TheStore, after: Cursor = None, limit: Limit = 100) -> v.Page[v.Asset]:
    """In order of id; an owner sees the own ones."""
    found = listing.assets(store, owner_filter(who), text_cursor(after), limit + 1)
    items = [v.Asset.model_validate(a) for a in found[:limit]]
    return v.Page(items=items, next=cursor(items[-1].id) if len(found) > limit else None)


@router.get("/assets/{asset_id}", responses=declared(401, 403, 404))
def show_asset(asset_id: v.Name, response: Response, who: Anybody, store: TheStore) -> v.Asset:
    found = known(store, who, asset_id)
    response.headers["ETag"] = tag_of(found)
    return v.Asset.model_validate(found)


@router.put("/assets/{asset_id}/owner", responses=declared(401, 403, 404, 409))
def give_asset(asset_id: v.Name, given: v.Owner, who: Operator, store: TheStore, clock: TheClock) -> v.Asset:
    """The asset is this owner's from now on."""
    before = known(store, who, asset_id)
    store.give([asset_id], given.owner, clock.now())
    change = {"owner": before["owner"]}, {"owner": given.owner}
    store.audit(who.name, "give", f"asset {asset_id}", *change, datetime.now(UTC))
    return v.Asset.model_validate(known(store, who, asset_id))


@router.get("/assets/{asset_id}/latest", responses=declared(401, 403, 404))
def show_latest(asset_id: v.Name, who: Anybody, store: TheStore) -> list[v.Reading]:
    """The newest reading of each of its points, whatever its quality."""
    known(store, who, asset_id)
    return [v.Reading.model_validate(r) for r in listing.latest(store, owner_filter(who), asset_id)]


@router.get("/latest", responses=declared(401, 403) | {200: {"content": TABLES}}, response_model=list[v.Reading])
def list_latest(request: Request, who: Anybody, store: TheStore) -> Any:
    """The newest reading of every asset and point. Also as CSV and Parquet."""
    found = listing.latest(store, owner_filter(who))
    return table(request, found, READING, "latest") or [v.Reading.model_validate(r) for r in found]


@router.get(
    "/assets/{asset_id}/readings", responses=declared(401, 403, 404) | {200: {"content": TABLES}},
    response_model=v.Page[v.Reading],
)  # fmt: skip
def list_readings(
    asset_id: v.Name, point: v.Name, start: v.Instant, end: v.Instant, request: Request, who: Anybody, store: TheStore,
    after: Cursor = None, limit: LongLimit = 1000,
) -> Any:  # fmt: skip
    """From `start` until just before `end`, in order of time. Also as CSV and Parquet."""
    known(store, who, asset_id)
    begin = start
    if after is not None:
        begin = _instant(text_cursor(after))
    found = listing.readings(store, owner_filter(who), asset_id, point, begin, end, limit + 1)
    made = table(request, found[:limit], READING, "readings")
    if made is not None:
        return made
    items = [v.Reading.model_validate(r) for r in found[:limit]]
    return v.Page(items=items, next=cursor(found[limit]["at"]) if len(found) > limit else None)


@router.get(
    "/assets/{asset_id}/earnings", responses=declared(401, 403, 404) | {200: {"content": TABLES}},
    response_model=list[v.Earned],
)  # fmt: skip
def list_earnings(
    asset_id: v.Name, start: v.Instant, end: v.Instant, request: Request, who: Anybody, store: TheStore,
    clock: TheClock,
) -> Any:  # fmt: skip
    """Of the local days that begin from `start` until just before `end`, at most 400: energy, and what it was worth
    at the asset's node, as on the owner's pages. Also as CSV and Parquet."""
    asset = known(store, who, asset_id)
    if end - start > timedelta(days=400):
        raise Problem(422, "end: is more than 400 days after start; allowed: a shorter time")
    begin, stop = earned.whole_days(start, end)
    days = earned.worth(store, asset_id, asset["node"], asset["outlook"], begin, min(stop, clock.now()),
                        owner=owner_filter(who) is not None)  # fmt: skip
    found = [
        {"day": f"{d.day}", "delivered_kwh": d.out_kwh, "taken_kwh": d.in_kwh, "value_eur": d.worth_eur,
         "saved_eur": d.saved_eur, "quarter_hours": d.quarters, "measured_share": d.measured_share}
        for d in days
    ]  # fmt: skip
    return table(request, found, EARNED, "earnings") or [v.Earned.model_validate(each) for each in found]


@router.get("/profiles", responses=declared(401, 403))
def list_profiles(who: Anybody) -> list[v.Profile]:
    """The device models that are known."""
    return list(_profiles())


@cache
def _profiles() -> tuple[v.Profile, ...]:
    found = load_profiles(PROFILES).values()
    return tuple(
        v.Profile(profile=p.profile, asset=p.asset, source=p.source, points=sorted(p.points),
                  setpoints=sorted(p.setpoints))
        for p in found
    )  # fmt: skip


def known(store: Store, who: Who, asset_id: str) -> listing.Line:
    """The asset; Problem 404, the same for one that is not there and for somebody else's."""
    found = listing.assets(store, owner_filter(who), "", 1, asset_id)
    if not found:
        raise Problem(404, f"asset '{asset_id}': there is none that you may see")
    return found[0]


def tag_of(asset: listing.Line) -> str:
    """Says whether it was changed."""
    return f'"{asset["valid_from"].isoformat()}"'


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not 1990 <= at.year < 2200:
        raise Problem(422, "cursor: is none of ours; allowed: the `next` of a page")
    return at
