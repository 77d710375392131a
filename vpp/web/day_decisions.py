"""Decisions of a dispatcher: intervene and see what it does, end it, release tomorrow's plan, hand over."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import ValidationError

from assets import ASSET_TYPES
from vpp.api import values as v
from vpp.api.access import TheClock, TheStore
from vpp.api.problems import Problem
from vpp.api.routes import decisions
from vpp.domain import MARKET_ZONE, Mistakes, market_day
from vpp.milp import NoPlan
from vpp.operations.live.clock import SharedClock
from vpp.operations.live.effect import Effect, effect
from vpp.store import Store, StoreError, listing
from vpp.store import day as of_day
from vpp.store.dispatcher import Note, Release, add_note, add_release, notes, releases
from vpp.store.dispatching import Override, OverrideKind, grid, overrides
from vpp.web.charts import Chart, Look, Series
from vpp.web.forms import Form, local_input
from vpp.web.kinds import colour, kind_name
from vpp.web.navigation import SAID
from vpp.web.render import go, page
from vpp.web.translations import N_
from vpp.web.visitor import ChangesAsOperator, FromForm, Language, SeesAsOperator, SeesCity
from vpp.web.words import Words

router = APIRouter()

KINDS = {
    "lock": (N_("Lock to a power"), N_("The asset gets this power as its order, whatever the plan would say.")),
    "exclude": (N_("Take out"), N_("The asset gets no orders; it is planned as it runs by itself.")),
    "limit": (N_("Limit"), N_("An asset, a group or a node draws or delivers at most this much.")),
}
USUALLY = timedelta(hours=2)
SAID["decided"] = N_("Decided. The planner has it and plans anew within seconds.")
SAID["ended"] = N_("Ended. The planner has it and plans anew within seconds.")
SAID["released"] = N_("Released: this plan is now the position.")
SAID["written"] = N_("Your note is stored; the next shift sees it on its day.")

NO_TARGET = N_("There is no asset “%(given)s” here.")
IN_THE_PAST = N_("This is not after now: it would be over before it begins.")
BOTH_EMPTY = N_("Please fill in at least one of the two limits.")


@router.get("/day/override")
def override_page(
    request: Request, who: SeesAsOperator, words: Language, store: TheStore, clock: TheClock,
    kind: str = "lock", target: Annotated[str, Query(max_length=120)] = "",
    reason: Annotated[str, Query(max_length=200)] = "",
) -> HTMLResponse:  # fmt: skip
    values = {"kind": kind if kind in KINDS else "lock", "target": target, "reason": reason,
              "until": local_input(clock.now() + USUALLY)}  # fmt: skip
    return _override_page(request, store, clock, Form(words, values))


def _override_page(
    request: Request, store: Store, clock: SharedClock, form: Form, found: Effect | None = None, *, status: int = 200
) -> HTMLResponse:
    shown = None if found is None else _chart_of(found, form.words, clock)
    return page(request, "override.html", status=status, form=form, kinds=KINDS, targets=_targets(store),
                effect=found, chart_=shown, now=clock.now())  # fmt: skip


def _targets(store: Store) -> list[tuple[str, str]]:
    """What can be named, with what it is."""
    found = grid(store)
    known = [(a.id, kind_name(a.kind)) for a in store.assets()]
    nodes = [] if found is None else [n["id"] for n in found.nodes if n.get("carrier") == "electricity"]
    groups = [] if found is None else sorted({g["group"] for g in found.groups})
    return [*known, *((n, N_("grid node")) for n in nodes), *((g, N_("group")) for g in groups)]


@router.post("/day/override")
def override(
    request: Request, who: ChangesAsOperator, given: FromForm, words: Language, store: TheStore, clock: TheClock
) -> Response:
    """`step=check`: plan with it and without it; `step=decide`: put it into force."""
    form = Form.of(words, given)
    made = _read(form, who.name, store, clock.now())
    if made is None or form.errors:
        return _override_page(request, store, clock, form, status=422)
    try:
        if given.texts.get("step") == "decide":
            _decide(made, who, store, clock)
            return go("/day", said="decided")
        found = effect(store, ASSET_TYPES, made, clock.now())
    except (Problem, StoreError, Mistakes, NoPlan) as problem:
        told = problem.detail if isinstance(problem, Problem) else str(problem)
        form.errors[""] = words.told(told) or told
        return _override_page(request, store, clock, form, status=422)
    return _override_page(request, store, clock, form, found)


def _read(form: Form, author: str, store: Store, now: datetime) -> Override | None:
    """What the form says; its errors are noted in it."""
    kind, target = form.choice("kind", list(KINDS)), form.text("target", most=120)
    until, reason = form.moment("until"), form.text("reason")
    amounts = dict[str, float | None](value_kw=None, max_import_kw=None, max_export_kw=None)
    assets = listing.assets(store, None, "", 1, target) if target else []
    if kind == "limit":
        for name in ("max_import_kw", "max_export_kw"):
            amounts[name] = form.number(name, low=0, high=1e9, needed=False)
        if amounts["max_import_kw"] is None and amounts["max_export_kw"] is None:
            form.wrong("max_import_kw", BOTH_EMPTY)
        if target and not decisions.is_target(store, target):
            form.wrong("target", NO_TARGET, given=target)
    elif target and not assets:
        form.wrong("target", NO_TARGET, given=target)
    if kind == "lock":
        amounts["value_kw"] = value = form.number("value_kw")
        if value is not None and assets:
            try:
                decisions.within_nameplate(assets[0], value)
            except Problem as problem:
                form.errors.setdefault("value_kw", form.words.told(problem.detail) or problem.detail)
    if until is not None and until <= now:
        form.wrong("until", IN_THE_PAST)
    if form.errors or until is None:
        return None
    return Override(override_id=uuid4(), kind=OverrideKind(kind), target=target, start=now, until=until.astimezone(UTC),
                    author=author, reason=reason, created=now, **amounts)  # fmt: skip


def _decide(made: Override, who: Any, store: Store, clock: SharedClock) -> None:
    """As the API does it."""
    common: dict[str, Any] = {"target": made.target, "until": made.until, "reason": made.reason}
    try:
        if made.kind is OverrideKind.LIMIT:
            given = v.NewLimit(**common, max_import_kw=made.max_import_kw, max_export_kw=made.max_export_kw)
            decisions.limit(given, who, store, clock)
        else:
            new = v.NewOverride(**common, kind=made.kind.value, value_kw=made.value_kw)
            decisions.override(new, who, store, clock)
    except ValidationError as problem:
        raise Problem(422, "; ".join(f"{e['loc'][-1]}: {e['msg']}" for e in problem.errors())) from None


def _chart_of(found: Effect, words: Words, clock: SharedClock) -> Chart:
    series = [
        Series(name=words.gettext("Without it"), values=found.net_before_kw.tolist(), colour="--plan",
               look=Look.DASHED),
        Series(name=words.gettext("With it"), values=found.net_after_kw.tolist(), colour="--measured"),
    ]  # fmt: skip
    step = found.step
    change = float(found.net_after_kw[step] - found.net_before_kw[step])
    said = words.gettext("When it comes into force the portfolio changes by %(kw)s.", kw=words.kw(change, sign=True))
    return Chart(id="chart-effect", title=words.gettext("Portfolio with and without it"), finding=said, series=series,
                 starts=found.horizon.times(), step=found.horizon.step, height=220)  # fmt: skip


@router.get("/day/override/{override_id}")
def ending_page(
    request: Request, override_id: UUID, who: SeesAsOperator, store: TheStore, clock: TheClock
) -> HTMLResponse:
    found = next((o for o in overrides(store, clock.now()) if o.override_id == override_id), None)
    if found is None:
        raise Problem(404, f"override {override_id}: there is none in force")
    return page(request, "override_end.html", override=found, kinds=KINDS)


@router.post("/day/override/{override_id}/end")
def end(override_id: UUID, who: ChangesAsOperator, store: TheStore, clock: TheClock) -> Response:
    decisions.take_back(override_id, who, store, clock)
    return go("/day", said="ended")


# Release


def _tomorrow(now: datetime) -> date:
    return now.astimezone(MARKET_ZONE).date() + timedelta(days=1)


@router.get("/day/release")
def release_page(
    request: Request, who: SeesCity, words: Language, store: TheStore, clock: TheClock, status: int = 200
) -> HTMLResponse:
    now = clock.now()
    day = _tomorrow(now)
    horizon = market_day(day)
    newest = of_day.newest_day_ahead(store, horizon.start, now)
    run = None if newest is None or newest.run_id is None else listing.run(store, newest.run_id)
    chart = None
    if run is not None:
        plan = of_day.of_run(store, run["run_id"], horizon, "power_kw")
        kinds = [k for k, values in plan.items() if abs(values).max() > 0.05]
        series = [Series(name=words.gettext(kind_name(k, many=True)), values=plan[k].tolist(), colour=colour(k),
                         look=Look.AREA) for k in kinds]  # fmt: skip
        net = sum(plan.values())
        series.append(Series(name=words.gettext("Position"), values=list(net), colour="--measured"))  # type: ignore[arg-type]
        sold, bought = (float(x.clip(min=0).sum()) * horizon.step_h for x in (net, -net))  # type: ignore[union-attr]
        said = words.gettext("%(sold)s are sold and %(bought)s are bought over the day.", sold=words.kwh(sold),
                             bought=words.kwh(bought))  # fmt: skip
        chart = Chart(id="chart-release", title=words.gettext("Plan for %(day)s", day=words.short_day(day)),
                      finding=said, series=series, starts=horizon.times(), step=horizon.step)  # fmt: skip
    return page(request, "release.html", delivery=day, newest=newest, run=run, chart_=chart,
                released=releases(store, day, now), now=now)  # fmt: skip


@router.post("/day/release")
def release(who: ChangesAsOperator, given: FromForm, words: Language, store: TheStore, clock: TheClock) -> Response:
    form, now = Form.of(words, given), clock.now()
    note = form.text("note", most=1000, needed=False)
    newest = of_day.newest_day_ahead(store, market_day(_tomorrow(now)).start, now)
    if newest is None or newest.run_id is None or f"{newest.run_id}" != given.texts.get("run_id"):
        raise Problem(409, "release: there is another plan by now; allowed: the newest one, after a look at it")
    made = Release(release_id=uuid4(), delivery_day=_tomorrow(now), run_id=newest.run_id, author=who.name, released=now,
                   note=note)  # fmt: skip
    if add_release(store, made):
        after = {"delivery_day": f"{made.delivery_day}", "run_id": f"{made.run_id}", "note": note}
        store.audit(who.name, "release", f"plan of {made.delivery_day}", None, after, datetime.now(UTC))
    return go("/day", said="released")


# From shift to shift


@router.get("/day/handover")
def handover_page(request: Request, who: SeesCity, words: Language, store: TheStore, clock: TheClock) -> HTMLResponse:
    return page(request, "handover.html", form=Form(words), notes=notes(store, clock.now(), 30))


@router.post("/day/handover")
def hand_over(
    request: Request, who: ChangesAsOperator, given: FromForm, words: Language, store: TheStore, clock: TheClock
) -> Response:
    form, now = Form.of(words, given), clock.now()
    text = form.text("text", most=5000)
    if form.errors:
        return page(request, "handover.html", status=422, form=form, notes=notes(store, now, 30))
    note = Note(note_id=uuid4(), author=who.name, written=now, text=text)
    if add_note(store, note):
        store.audit(who.name, "hand over", f"note {note.note_id}", None, {"text": text}, datetime.now(UTC))
    return go("/day", said="written")
