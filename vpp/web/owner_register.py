"""An owner registers a device: one question a page, each answer kept at once, so that one can stop and go on later."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from assets import PROFILES
from vpp.api.access import TheClock, TheStore
from vpp.api.problems import Problem as Refusal
from vpp.devices import Profile, load_profiles
from vpp.domain.register_unit import RegisterUnit
from vpp.operations.live.clock import SharedClock
from vpp.operations.registration import agreement, prove
from vpp.operations.registration import draft as drafts
from vpp.operations.registration.confirmation import limit_rows
from vpp.operations.registration.kinds import REGISTRABLE, Answer, Question, profiles_for
from vpp.operations.registration.mastr import tidy
from vpp.settings import settings
from vpp.store import Store, StoreError, mastr, registrations
from vpp.store.people import Who
from vpp.store.registrations import Registration
from vpp.web.forms import Form, parsed
from vpp.web.owner_words import (
    CHOICES,
    KINDS,
    OUTCOMES,
    QUALITY,
    QUESTIONS,
    STEP_NAMES,
    TESTS,
    known_points,
    point_name,
    point_value,
    problem_sentence,
)
from vpp.web.render import go, page
from vpp.web.translations import N_
from vpp.web.visitor import ChangesAsOwner, FromForm, Language, SeesAsOwner, Sent
from vpp.web.words import Words

router = APIRouter(prefix="/register")

SHOWN = tuple(step for step in drafts.STEPS if step != "confirmation")
"""Steps that are counted."""
NODES_IN_A_LIST = 300
NOT_HERE = N_("%(given)s is a device that cannot be registered here.")
UNKNOWN = N_("We do not know %(given)s here. Please check the number, or go on without it.")
OTHER_KIND = N_("%(given)s is another kind of device in the register: %(kind)s. Please go back and choose that kind.")
N_AGREE = N_("Please tick the box if you agree. Without it we cannot register the device.")


@cache
def profiles() -> Mapping[str, Profile]:
    return load_profiles(PROFILES)


def around(store: Store) -> drafts.Around:
    return drafts.around(store, profiles(), settings().networks)


def own_draft(store: Store, who: Who, id: UUID) -> Registration:
    found = registrations.registration(store, id, who.owner or "")
    if found is None:
        raise Refusal(404, f"registration {id}: there is none that you may see")
    return found


def shown(value: Any, words: Words) -> str:
    """A kept answer as its owner would type it."""
    text = str(value)
    try:
        float(text)
    except ValueError:
        return text
    return text.replace(".", ",") if words.language == "de" else text


def kept(given: Sent, words: Words, numbers: set[str]) -> dict[str, str]:
    """Typed answers as operations expect them: numbers with a decimal point; what is no number stays as it is."""
    found = dict[str, str]()
    for name, text in given.texts.items():
        value = parsed(text, words.language) if name in numbers and text else None
        found[name] = text if value is None else f"{value:.10g}"
    return found


def explain(form: Form, problems: list[drafts.Problem]) -> None:
    for problem in problems:
        form.errors.setdefault(problem.field, problem_sentence(form.words, problem))


def _page(request: Request, step: str, r: Registration | None, form: Form, **more: Any) -> HTMLResponse:
    behind = drafts.done(r.content) if r else []
    skipped = ("probe", "test") if r and not drafts.connected(r.content) and "way" in r.content else ()
    reached = {*behind, drafts.next_step(r.content)} if r else set[str]()
    base = f"/register/{r.registration_id}" if r else "/register"
    steps = [
        {"name": STEP_NAMES[s], "step": s, "done": s in behind, "here": s == step,
         "path": f"{base}/{s}" if s in reached else ""}
        for s in SHOWN if s not in skipped
    ]  # fmt: skip
    number = next((n for n, s in enumerate(steps, 1) if s["here"]), len(steps))
    before = steps[number - 2]["path"] if number > 1 else ""
    status = 422 if form.errors else 200
    return page(
        request, f"owner/step_{step}.html", status=status, form=form, draft=r, steps=steps, number=number,
        before=before, title_of_step=STEP_NAMES[step], path_here=f"{base}/{step}" if r else base, KINDS=KINDS,
        CHOICES=CHOICES, QUESTIONS=QUESTIONS, OUTCOMES=OUTCOMES, QUALITY=QUALITY, TESTS=TESTS, point_name=point_name,
        point_value=point_value, **more,
    )  # fmt: skip


# Type


@router.get("")
def begin(request: Request, who: SeesAsOwner, words: Language, store: TheStore) -> Response:
    """The first step of a new registration."""
    return _type_page(request, None, Form(words), around(store), store, who)


def _type_page(
    request: Request, r: Registration | None, form: Form, it: drafts.Around, store: Store, who: Who,
    unit: RegisterUnit | None = None,
) -> Response:  # fmt: skip
    mine = (
        sorted({str(a.node) for a in store.owner_view(who.owner or "").assets() if a.node})
        if _has_assets(store, who)
        else []
    )
    nodes = [*mine, *(n for n in it.nodes if n not in mine)]
    if "node" not in form.values and mine:
        form.values = {**form.values, "node": mine[0]}
    kinds = [(kind, form.words.gettext(KINDS[kind][0]), form.words.gettext(KINDS[kind][1])) for kind in REGISTRABLE
             if kind != "chp" or it.heat_nodes]  # fmt: skip
    return _page(request, "type", r, form, kinds=kinds, nodes=nodes, many=len(nodes) > NODES_IN_A_LIST, unit=unit,
                 node_options=[(n, n) for n in nodes])  # fmt: skip


def _has_assets(store: Store, who: Who) -> bool:
    try:
        return who.owner is not None and bool(store.owner_view(who.owner).assets())
    except StoreError:  # an owner without a row yet
        return False


@router.post("")
def begun(
    request: Request, who: ChangesAsOwner, words: Language, given: FromForm, store: TheStore, clock: TheClock
) -> Response:
    it, form, answers = around(store), Form.of(words, given), _only(given.texts, ("kind", "label", "node"))
    if given.texts.get("step") == "look-up":
        return _type_page(request, None, form, it, store, who, _kind_from_register(form, store))
    explain(form, drafts.type_problems(answers, it))
    known = _from_number(form, answers["kind"], store)
    if form.errors:
        return _type_page(request, None, form, it, store, who)
    id = registrations.begin(store, who.owner or "", who.name, answers | known, clock.now())
    return go(f"/register/{id}/connection")


@router.get("/{id}")
def go_on(id: UUID, who: SeesAsOwner, store: TheStore) -> RedirectResponse:
    """To the step that comes next."""
    r = own_draft(store, who, id)
    step = "confirmation" if r.asset_id else drafts.next_step(r.content)
    return go(f"/register/{id}/{step}")


@router.post("/{id}/discard")
def discard(id: UUID, who: ChangesAsOwner, store: TheStore) -> Response:
    registrations.discard(store, id, who.owner or "")
    return go("/my", said="discarded")


def _kind_from_register(form: Form, store: Store) -> RegisterUnit | None:
    """Which kind of device the number in the form is of goes into the form; its problems are noted there."""
    unit = _unit_of(form, store)
    if unit is not None and unit.kind in REGISTRABLE:
        form.values = {**form.values, "kind": unit.kind, "mastr": unit.number}
    elif unit is not None:
        form.wrong("mastr", NOT_HERE, given=unit.number)
    return unit


def _from_number(form: Form, kind: str, store: Store) -> dict[str, Any]:
    """What a draft keeps of a number that may be given: power and capacity where the register knows it."""
    number = tidy(form.values.get("mastr", ""))
    if not number:
        return {}
    if problems := drafts.number_problem(number):
        explain(form, problems)
        return {}
    unit = mastr.unit(store, number)
    if unit is None:
        return {"mastr": number}
    if unit.kind != kind:
        _wrong_kind(form, unit)
    return {"mastr": number, "rating_kw": f"{unit.power_kw:.10g}", **_limits_of(unit)}


def _unit_of(form: Form, store: Store) -> RegisterUnit | None:
    """Of the number in the form; what is wrong with it is noted there."""
    number = tidy(form.values.get("mastr", ""))
    problems = drafts.number_problem(number)
    explain(form, problems)
    unit = None if problems else mastr.unit(store, number)
    if unit is None and not problems:
        form.wrong("mastr", UNKNOWN, given=number)
    return unit


def _wrong_kind(form: Form, unit: RegisterUnit) -> None:
    register = KINDS[unit.kind][0] if unit.kind in KINDS else N_("another kind of device")
    form.wrong("mastr", OTHER_KIND, given=unit.number, kind=form.words.gettext(register))


def _limits_of(unit: RegisterUnit) -> dict[str, Any]:
    if unit.capacity_kwh is None:
        return {}
    return {"limits_before": {"capacity_kwh": f"{unit.capacity_kwh:.10g}"}}


def _only(texts: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: texts.get(name, "") for name in names}


@router.get("/{id}/type")
def show_type(id: UUID, request: Request, who: SeesAsOwner, words: Language, store: TheStore) -> Response:
    r = _open(store, who, id)
    return _type_page(request, r, Form(words, dict(r.content)), around(store), store, who)


@router.post("/{id}/type")
def keep_type(
    id: UUID, request: Request, who: ChangesAsOwner, words: Language, given: FromForm, store: TheStore, clock: TheClock
) -> Response:  # fmt: skip
    r, it, form = _open(store, who, id), around(store), Form.of(words, given)
    answers: dict[str, Any] = dict(_only(given.texts, ("kind", "label", "node")))
    if given.texts.get("step") == "look-up":
        form.values = {**_only(r.content, ("kind", "label", "node")), **form.values}
        return _type_page(request, r, form, it, store, who, _kind_from_register(form, store))
    explain(form, drafts.type_problems(answers, it))
    answers |= _from_number(form, answers["kind"], store)
    if form.errors:
        return _type_page(request, r, form, it, store, who)
    if answers["kind"] != r.content["kind"]:  # what was said of another kind does not count
        registrations.discard(store, id, who.owner or "")
        new = registrations.begin(store, who.owner or "", who.name, answers, clock.now())
        return go(f"/register/{new}/connection")
    registrations.add_to_draft(store, id, r.owner, answers, clock.now())
    return go(f"/register/{id}/connection")


def _open(store: Store, who: Who, id: UUID) -> Registration:
    r = own_draft(store, who, id)
    if r.asset_id is not None:
        raise Refusal(409, f"registration {id}: is confirmed already; allowed: a draft")
    return r


# Connection


@router.get("/{id}/connection")
def show_connection(id: UUID, request: Request, who: SeesAsOwner, words: Language, store: TheStore) -> Response:
    r = _open(store, who, id)
    about = REGISTRABLE[r.content["kind"]]
    before = {"way": "device", "rating_kw": about.rating.default, "port": "502", "unit": "1"}
    kept = {k: shown(v, words) for k, v in r.content.items() if isinstance(v, str)}
    return _connection_page(request, r, Form(words, {**before, **kept}))


def _connection_page(request: Request, r: Registration, form: Form, unit: RegisterUnit | None = None) -> Response:
    about = REGISTRABLE[r.content["kind"]]
    models = [(name, _model(profiles()[name])) for name in profiles_for(r.content["kind"], profiles())]
    return _page(request, "connection", r, form, about=about, models=models, unit=unit)


def _model(profile: Profile) -> str:
    return profile.profile.replace("-", " ").replace("sunspec", "SunSpec").capitalize()


@router.post("/{id}/connection")
def keep_connection(
    id: UUID, request: Request, who: ChangesAsOwner, words: Language, given: FromForm, store: TheStore, clock: TheClock
) -> Response:  # fmt: skip
    r, form = _open(store, who, id), Form.of(words, given)
    answers = kept(given, words, {"rating_kw", "port", "unit"})
    if given.texts.get("step") == "look-up":
        return _from_register(request, r, form, store, clock)
    explain(form, drafts.connection_problems(r.content["kind"], answers, around(store), store))
    if form.errors:
        return _connection_page(request, r, form)
    names = ("way", "rating_kw", "profile", "host", "port", "unit", "mastr")
    content: dict[str, Any] = {n: answers.get(n, "") for n in names if n in answers}
    if any(content.get(n) != r.content.get(n) for n in names if n != "mastr"):
        content |= {"probe": {}, "test": {}}  # another device, or none: what was proved does not count
    registrations.add_to_draft(store, id, r.owner, content, clock.now())
    return go(f"/register/{id}/{'probe' if content['way'] == 'device' else 'limits'}")


def _from_register(request: Request, r: Registration, form: Form, store: Store, clock: SharedClock) -> Response:
    """What the register of plants says of the number goes into the form, to be looked at before it is kept."""
    unit = _unit_of(form, store)
    if unit is not None and unit.kind != r.content["kind"]:
        _wrong_kind(form, unit)
    if form.errors or unit is None:
        return _connection_page(request, r, form)
    form.values = {**form.values, "mastr": unit.number, "rating_kw": shown(f"{unit.power_kw:.10g}", form.words)}
    if limits := _limits_of(unit):
        before = limits["limits_before"] | r.content.get("limits_before", {})
        registrations.add_to_draft(store, r.registration_id, r.owner, {"limits_before": before}, clock.now())
    return _connection_page(request, r, form, unit)


# Probe and test


@router.get("/{id}/probe")
def show_probe(id: UUID, request: Request, who: SeesAsOwner, words: Language, store: TheStore) -> Response:
    r = _reached(store, who, id, "probe")
    if isinstance(r, RedirectResponse):
        return r
    probe = r.content.get("probe") or None
    return _page(request, "probe", r, Form(words), probe=probe, values=known_points(probe["values"] if probe else []))


@router.post("/{id}/probe")
def do_probe(id: UUID, who: ChangesAsOwner, store: TheStore, clock: TheClock) -> Response:
    r = _open(store, who, id)
    prove.probe(store, r, around(store), clock)
    return go(f"/register/{id}/probe")


@router.get("/{id}/test")
def show_test(id: UUID, request: Request, who: SeesAsOwner, words: Language, store: TheStore) -> Response:
    r = _reached(store, who, id, "test")
    if isinstance(r, RedirectResponse):
        return r
    test = r.content.get("test") or {}
    seconds = None if test else _seconds(store, r, request)
    return _page(
        request, "test", r, Form(words), test=test, state=prove.state_of(test, datetime.now(UTC)), seconds=seconds
    )


def _seconds(store: Store, r: Registration, request: Request) -> int:
    """How long the test takes, of the wall."""
    return round(prove.longest_s(drafts.device_of(r, around(store))) / request.app.state.clock.speed)


@router.post("/{id}/test")
def do_test(id: UUID, who: ChangesAsOwner, store: TheStore, clock: TheClock) -> Response:
    r = _open(store, who, id)
    if prove.state_of(r.content.get("test") or {}, datetime.now(UTC)) != "running":
        prove.start_test(store, r, around(store), clock, who.name)
    return go(f"/register/{id}/test")


def _reached(store: Store, who: Who, id: UUID, step: str) -> Registration | RedirectResponse:
    """The draft, or the way to the step that must come before."""
    r = _open(store, who, id)
    order, coming = drafts.STEPS, drafts.next_step(r.content)
    if order.index(step) > order.index(coming):
        return go(f"/register/{id}/{coming}")
    return r


# Limits and comfort


@router.get("/{id}/limits")
def show_limits(id: UUID, request: Request, who: SeesAsOwner, words: Language, store: TheStore) -> Response:
    r = _reached(store, who, id, "limits")
    if isinstance(r, RedirectResponse):
        return r
    asked = drafts.questions(r.content["kind"], around(store))
    values = {v["point"]: v["value"] for v in r.content.get("probe", {}).get("values", []) if v["value"] is not None}
    before = {q.name: f"{values[q.point]:.6g}" if q.point in values else q.default for q in asked}
    before |= {**r.content.get("limits_before", {}), **r.content.get("limits", {})}
    form = Form(words, {k: shown(v, words) for k, v in before.items()})
    return _page(request, "limits", r, form, asked=asked, Answer=Answer)


@router.post("/{id}/limits")
def keep_limits(
    id: UUID, request: Request, who: ChangesAsOwner, words: Language, given: FromForm, store: TheStore, clock: TheClock
) -> Response:  # fmt: skip
    r, it, form = _open(store, who, id), around(store), Form.of(words, given)
    asked = drafts.questions(r.content["kind"], it)
    answers = kept_limits(asked, given, words)
    explain(form, drafts.limit_problems(r.content["kind"], answers, it))
    if form.errors:
        return _page(request, "limits", r, form, asked=asked, Answer=Answer)
    registrations.add_to_draft(store, id, r.owner, {"limits": answers}, clock.now())
    return go(f"/register/{id}/agreement")


def kept_limits(asked: list[Question], given: Sent, words: Words) -> dict[str, str]:
    found = kept(given, words, {q.name for q in asked if q.answer is Answer.NUMBER})
    return {q.name: found.get(q.name, "") for q in asked}


# Agreement and confirmation


@router.get("/{id}/agreement")
def show_agreement(id: UUID, request: Request, who: SeesAsOwner, words: Language, store: TheStore) -> Response:
    r = _reached(store, who, id, "agreement")
    if isinstance(r, RedirectResponse):
        return r
    return _agreement_page(request, r, Form(words))


def _agreement_page(request: Request, r: Registration, form: Form) -> Response:
    language = form.words.language
    return _page(request, "agreement", r, form, sections=agreement.TEXTS[language], version=agreement.VERSION,
                 limits=limit_rows(r.content["limits"], language))  # fmt: skip


@router.post("/{id}/agreement")
def agree(
    id: UUID, request: Request, who: ChangesAsOwner, words: Language, given: FromForm, store: TheStore, clock: TheClock
) -> Response:  # fmt: skip
    r = _reached(store, who, id, "agreement")
    if isinstance(r, RedirectResponse):
        return r
    form = Form.of(words, given)
    if given.texts.get("agreed") != "yes":
        form.wrong("agreed", N_AGREE)
        return _agreement_page(request, r, form)
    if given.texts.get("version") != agreement.VERSION:
        raise Refusal(409, "the agreement has changed meanwhile; allowed: read it again")
    asset = drafts.confirm(store, r, around(store), who.name, words.language, clock.now())
    return go(f"/register/{id}/confirmation", asset=asset)


@router.get("/{id}/confirmation")
def show_confirmation(id: UUID, request: Request, who: SeesAsOwner, words: Language, store: TheStore) -> Response:
    r = own_draft(store, who, id)
    if r.asset_id is None:
        return go(f"/register/{id}")
    return _page(request, "confirmation", r, Form(words))
