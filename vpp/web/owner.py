"""An owner's pages: the devices, what each does and brings, pause, own data."""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from assets import ASSET_TYPES
from vpp.api.access import COOKIE, CSRF_COOKIE, TheClock, TheStore
from vpp.api.forms import download
from vpp.api.problems import Problem as Refusal
from vpp.domain import MARKET_ZONE, Mistakes
from vpp.operations.exporting import export_file
from vpp.operations.owning import earned as money
from vpp.operations.owning import pause as pausing
from vpp.operations.owning.doing import Doing, Why, why
from vpp.operations.registration import draft as drafts
from vpp.operations.registration.confirmation import as_pdf, limit_rows
from vpp.operations.registration.kinds import Answer
from vpp.operations.registration.units import is_companion
from vpp.store import Format, Part, RegisteredAsset, Store, StoreError, registrations
from vpp.store.asset_pages import commissioning_of, points_of
from vpp.store.dispatching import Override
from vpp.store.people import Role, Who
from vpp.store.registrations import Registration
from vpp.web import asset_charts
from vpp.web import owner_register as registering
from vpp.web.forms import Form, local_input
from vpp.web.navigation import PLACES, SAID, Place
from vpp.web.owner_words import CHOICES, KINDS, QUALITY, QUESTIONS, because, does, known_points, point_name, point_value
from vpp.web.render import go, page
from vpp.web.translations import N_
from vpp.web.visitor import ChangesAsOwner, FromForm, Language, SeesAsOwner
from vpp.web.words import Words

my, own = APIRouter(prefix="/my"), APIRouter(prefix="/my-data")

OWNERS = frozenset({Role.OWNER})
PLACES.extend(
    [
        Place("/my", N_("My devices"), OWNERS),
        Place("/register", N_("Register a device"), OWNERS),
        Place("/my-data", N_("My data"), OWNERS),
    ]
)
SAID.update(
    {
        "discarded": N_("The registration is discarded."),
        "paused": N_("Your device is paused."),
        "goes-on": N_("Your device helps again."),
        "erased": N_("Your data are erased. Your account is closed."),
    }
)
MOVES = ("charging", "discharging")
LEAST_KW, SHOWN_STEPS = 0.1, 6
STALE = timedelta(minutes=30)
log = logging.getLogger(__name__)
NOT_PLANNED = N_("Your device is in no plan yet. The next one is made within a quarter of an hour.")
NOT_REACHED = N_("We cannot calculate it at the moment. Please try again in a few minutes.")
TOO_LATE = N_("Please choose a time between now and a month from now.")
WRONG_WORD = N_("Please type the word exactly as it stands there.")
WORD = N_("erase")


@dataclass(frozen=True, slots=True)
class Device:
    """An own device as its pages show it."""

    asset: RegisteredAsset
    label: str
    registration: Registration | None
    found: Why | None
    paused: Override | None
    says: str
    reasons: Sequence[str]
    today: money.Total
    month: money.Total
    answers: bool | None
    """None: it has no connection, or nothing was read yet."""
    power_kw: float | None

    @property
    def id(self) -> str:
        return self.asset.id


def devices(store: Store, who: Who, words: Words, now: datetime, only: str | None = None) -> list[Device]:
    """Own devices that people think of as such: not the house behind a heat pump."""
    try:
        view = store.owner_view(who.owner or "")
    except StoreError:
        return []
    known = {r.asset_id: r for r in registrations.registrations(store, who.owner or "") if r.asset_id}
    assets = [a for a in view.assets() if not is_companion(a.id) and (only is None or a.id == only)]
    latest = view.latest() if assets else {}
    return [_device(store, a, known.get(a.id), latest, words, now) for a in assets]


def _device(
    store: Store, a: RegisteredAsset, r: Registration | None, latest: Any, words: Words, now: datetime
) -> Device:  # fmt: skip
    found, paused = why(store, a, now), pausing.paused(store, a.id, now)
    reading = latest.get((a.id, "power_kw")) or latest.get((a.id, "heat_kw"))
    fresh = reading is not None and now - reading.at <= STALE and reading.value is not None
    local = now.astimezone(MARKET_ZONE)
    first = datetime.combine(local.date().replace(day=1), time(), MARKET_ZONE)
    days = money.worth(store, a.id, a.node, a.outlook, first, now)
    said, reasons = words.gettext("There is no plan for it yet. It does what it does by itself."), list[str]()
    if paused is not None:
        said = words.gettext("It is paused until %(until)s. It does what it does by itself.",
                             until=words.moment(paused.until))  # fmt: skip
    elif found is not None and found.now is not None:
        said, reasons = does(words, a.kind, found.now), because(words, a.kind, found)
    return Device(
        asset=a, label=str(r.content["label"]) if r else a.id, registration=r, found=found, paused=paused, says=said,
        reasons=reasons, today=money.total([d for d in days if d.day == local.date()]), month=money.total(days),
        answers=None if reading is None or a.profile is None else fresh,
        power_kw=reading.value if reading is not None and fresh else None,
    )  # fmt: skip


def _own(store: Store, who: Who, words: Words, now: datetime, asset_id: str) -> Device:
    found = devices(store, who, words, now, asset_id)
    if not found:
        raise Refusal(404, f"device '{asset_id}': there is none that you may see")
    return found[0]


@my.get("")
def home(request: Request, who: SeesAsOwner, words: Language, store: TheStore, clock: TheClock) -> HTMLResponse:
    now = clock.now()
    mine = devices(store, who, words, now)
    begun = [r for r in registrations.registrations(store, who.owner or "") if r.asset_id is None]
    return page(request, "owner/home.html", devices=mine, drafts=begun, KINDS=KINDS, now=now, speed=clock.speed,
                today=sum(d.today.worth_eur for d in mine), month=sum(d.month.worth_eur for d in mine))  # fmt: skip


@my.get("/devices/{asset_id}")
def device(
    asset_id: str, request: Request, who: SeesAsOwner, words: Language, store: TheStore, clock: TheClock
) -> HTMLResponse:  # fmt: skip
    now = clock.now()
    d = _own(store, who, words, now, asset_id)
    start = datetime.combine(now.astimezone(MARKET_ZONE).date().replace(day=1), time(), MARKET_ZONE)
    days = money.worth(store, asset_id, d.asset.node, d.asset.outlook, start, now)
    habit = registrations.habits(store).get(asset_id)
    limits = limit_rows(d.registration.content["limits"], words.language) if d.registration else []
    return page(
        request, "owner/device.html", d=d, now=now, speed=clock.speed, days=list(reversed(days)), KINDS=KINDS,
        chart=asset_charts.of_day(store, d.asset, words, now), points=known_points(points_of(store, asset_id)),
        QUALITY=QUALITY,
        point_name=point_name, point_value=point_value, limits=limits, habit=habit,
        protocol=commissioning_of(store, asset_id), whole=money.total(days),
        steps=_coming(d, words),
    )  # fmt: skip


def _coming(d: Device, words: Words) -> list[tuple[Doing, str]]:
    """The next things it will do, said once each; what is too little to notice is left out."""
    found = list[tuple[Doing, str]]()
    before = d.says
    for x in d.found.later if d.found and not d.paused else ():
        said = does(words, d.asset.kind, x)
        if said != before and not (x.code in MOVES and abs(x.power_kw) < LEAST_KW):
            found.append((x, said))
            before = said
    return found[:SHOWN_STEPS]


@my.get("/devices/{asset_id}/confirmation.pdf")
def confirmation(asset_id: str, who: SeesAsOwner, words: Language, store: TheStore) -> Response:
    found = [r for r in registrations.registrations(store, who.owner or "") if r.asset_id == asset_id]
    agreed = registrations.agreement(store, asset_id) if found else None
    if not found or agreed is None:
        raise Refusal(404, f"device '{asset_id}': there is no confirmation that you may see")
    return download(as_pdf(found[0], agreed, words.language), f"{asset_id}.pdf", "application/pdf")


# Limits


@my.get("/devices/{asset_id}/limits")
def limits_page(
    asset_id: str, request: Request, who: SeesAsOwner, words: Language, store: TheStore
) -> HTMLResponse:  # fmt: skip
    r = _registered(store, who, asset_id)
    form = Form(words, {k: registering.shown(v, words) for k, v in r.content["limits"].items()})
    return _limits_page(request, r, form, store)


def _registered(store: Store, who: Who, asset_id: str) -> Registration:
    found = [r for r in registrations.registrations(store, who.owner or "") if r.asset_id == asset_id]
    if not found:
        raise Refusal(404, f"device '{asset_id}': there is none of yours with limits")
    return found[0]


def _limits_page(request: Request, r: Registration, form: Form, store: Store) -> HTMLResponse:
    asked = drafts.questions(r.content["kind"], registering.around(store))
    return page(request, "owner/limits.html", status=422 if form.errors else 200, form=form, r=r, asked=asked,
                QUESTIONS=QUESTIONS, CHOICES=CHOICES, Answer=Answer)  # fmt: skip


@my.post("/devices/{asset_id}/limits")
def keep_limits(
    asset_id: str, request: Request, who: ChangesAsOwner, words: Language, given: FromForm, store: TheStore,
    clock: TheClock,
) -> Response:  # fmt: skip
    r, it, form = _registered(store, who, asset_id), registering.around(store), Form.of(words, given)
    answers = registering.kept_limits(drafts.questions(r.content["kind"], it), given, words)
    registering.explain(form, drafts.limit_problems(r.content["kind"], answers, it))
    if form.errors:
        return _limits_page(request, r, form, store)
    drafts.change_limits(store, r, it, answers, who.name, clock.now())
    return go(f"/my/devices/{asset_id}", said="kept")


# Pause


@my.get("/devices/{asset_id}/pause")
def pause_page(
    asset_id: str, request: Request, who: SeesAsOwner, words: Language, store: TheStore, clock: TheClock,
    until: str = "",
) -> HTMLResponse:  # fmt: skip
    """First until when, then what it costs, then the decision."""
    now = clock.now()
    d = _own(store, who, words, now, asset_id)
    form = Form(words, {"until": until} if until else {})
    chosen = form.moment("until", needed=False)
    if chosen is not None and not now < chosen <= now + pausing.LONGEST:
        form.wrong("until", TOO_LATE)
    found, problem = None, ""
    if chosen is not None and not form.errors:
        try:
            found = pausing.cost(store, ASSET_TYPES, asset_id, chosen, now)
        except (StoreError, Mistakes) as error:
            log.warning("the cost of pausing %s is not known: %s", asset_id, error)
            problem = NOT_PLANNED if isinstance(error, Mistakes) else NOT_REACHED
    return page(
        request, "owner/pause.html", status=422 if form.errors else 200, d=d, form=form, now=now, speed=clock.speed,
        until=chosen, cost=found, problem=problem, choices=_until_choices(now), local_input=local_input,
        decided=chosen is not None and not form.errors,
    )  # fmt: skip


def _until_choices(now: datetime) -> list[tuple[str, datetime]]:
    local = now.astimezone(MARKET_ZONE)
    morning = datetime.combine(local.date() + timedelta(days=1), time(7), MARKET_ZONE)
    quarter = now - timedelta(minutes=now.minute % 15, seconds=now.second, microseconds=now.microsecond)
    return [
        (N_("for 2 hours"), quarter + timedelta(hours=2, minutes=15)),
        (N_("until tomorrow morning at 7:00"), morning),
        (N_("for one week"), quarter + timedelta(days=7)),
    ]


@my.post("/devices/{asset_id}/pause")
def pause(
    asset_id: str, who: ChangesAsOwner, words: Language, given: FromForm, store: TheStore, clock: TheClock
) -> Response:  # fmt: skip
    now = clock.now()
    _own(store, who, words, now, asset_id)
    chosen = Form.of(words, given).moment("until")
    if chosen is None or not now < chosen <= now + pausing.LONGEST:
        return go(f"/my/devices/{asset_id}/pause", until=given.texts.get("until", ""))
    pausing.pause(store, asset_id, chosen, who.name, "paused by its owner", now)
    return go(f"/my/devices/{asset_id}", said="paused")


@my.post("/devices/{asset_id}/go-on")
def go_on(asset_id: str, who: ChangesAsOwner, words: Language, store: TheStore, clock: TheClock) -> Response:
    now = clock.now()
    _own(store, who, words, now, asset_id)
    pausing.go_on(store, asset_id, who.name, {who.name}, now)
    return go(f"/my/devices/{asset_id}", said="goes-on")


# Own data


@own.get("")
def data(request: Request, who: SeesAsOwner, words: Language) -> HTMLResponse:
    return page(request, "owner/data.html", form=Form(words), word=words.gettext(WORD))


@own.post("/take")
def take(who: ChangesAsOwner, store: TheStore, clock: TheClock) -> Response:
    """Everything of this owner as CSV files with a manifest, in one ZIP file."""
    now = clock.now()
    with tempfile.TemporaryDirectory() as room:
        path = Path(room) / "export.zip"
        export_file(store, Part(owner=who.owner), Format.CSV, path, now)
        content = path.read_bytes()
    store.audit(who.name, "take away", f"owner {who.owner}", None, {"bytes": len(content)}, now)
    return download(content, f"vpp-{now:%Y-%m-%d}.zip", "application/zip")


@own.post("/erase")
def erase(
    request: Request, who: ChangesAsOwner, words: Language, given: FromForm, store: TheStore, clock: TheClock
) -> Response:
    """Readings, log-in and name; cannot be undone."""
    form = Form.of(words, given)
    if form.text("word").casefold() != words.gettext(WORD):
        form.wrong("word", WRONG_WORD)
        return page(request, "owner/data.html", status=422, form=form, word=words.gettext(WORD))
    store.erase_owner(who.owner or "", who.name, clock.now())
    answer = go("/login", said="erased")
    for name in (COOKIE, CSRF_COOKIE):
        answer.delete_cookie(name, secure=True, path="/")
    return answer


router = APIRouter()
router.include_router(my)
router.include_router(own)
