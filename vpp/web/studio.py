"""The planner's studio: compose a study, see how long it takes, run it, look at the variants side by side."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from vpp.api import desk_work
from vpp.api.access import TheClock, TheStore
from vpp.api.desk_work import known_study, studio_of
from vpp.api.forms import download
from vpp.api.problems import Problem
from vpp.api.streams import followed, text_event
from vpp.domain import Mistake, Mistakes
from vpp.operations.desk import Work, packed
from vpp.operations.desk.composing import PIECES, base_of, with_variant
from vpp.operations.study.compare import ROWS, Relief, Step, siting, waterfall
from vpp.operations.study.report.words import LANGUAGES as STUDY_WORDS
from vpp.operations.study.summary import Summary, summaries
from vpp.web.forms import Form
from vpp.web.planner import STAGES, file_name
from vpp.web.render import environment, go, page
from vpp.web.translations import N_
from vpp.web.visitor import ChangesAsPlanner, FromForm, Language, SeesAsPlanner, csrf_of
from vpp.web.words import Words

router = APIRouter(prefix="/studies")

BASES = ("register", "musterstadt", "base")
OPERATIONS, FORECASTS = ("daily", "rolling", "rules"), ("perfect", "drawn", "issued")
KINDS: dict[str, str] = {
    "add": N_("Add assets: which one they are like, and how many"),
    "remove": N_("Remove assets: of which type, and how many %"),
    "demand": N_("Scale assets: of which type, and their size in %"),
    "limit": N_("Grid limit: of which node, and to how many %"),
    "price": N_("Market price: to how many %"),
    "spread": N_("Spread of the market price within a day: to how many %"),
    "fee": N_("Grid fee: how many ct/kWh"),
    "co2": N_("CO₂ price: how many EUR/t"),
}
NOT_A_STUDY = N_("Please compose the study first: fill in the first part.")
NO_WHICH = N_("This change needs to know of which.")
NO_CASE = N_("Please choose the zip file of the case that the study stands on.")
KEPT_SUMMARIES = 8


@router.get("")
def home(request: Request, who: SeesAsPlanner) -> Response:
    return page(request, "studies.html", works=studio_of(request).works(), stage=STAGES)


@router.get("/new")
def compose_page(request: Request, who: SeesAsPlanner, words: Language, clock: TheClock) -> Response:
    yesterday = clock.now().date() - timedelta(days=1)
    given = {"base": "register", "first": f"{yesterday}", "last": f"{yesterday}", "every_days": "1", "seeds": "1",
             "gap": words.number(0.5, 1), "operation": "daily", "forecast": "perfect", "text": ""}  # fmt: skip
    return _compose(request, Form(words, given))


def _compose(
    request: Request, form: Form, text: str = "", mistakes: Sequence[Mistake] = (), status: int = 200
) -> Response:
    kinds = [(kind, form.words.gettext(said)) for kind, said in KINDS.items()]
    return page(request, "study_compose.html", status=status, form=form, text=text, mistakes=mistakes, kinds_said=kinds)


@router.post("/new")
def compose(request: Request, words: Language, given: FromForm, who: ChangesAsPlanner, store: TheStore) -> Response:
    """Begin a text, add to it, or check it and take it in, as the button says."""
    form, text, do = Form.of(words, given), given.texts.get("text", ""), given.texts.get("do", "")
    if do == "begin":
        return _begun(request, form)
    if do == "add":
        return _added(request, form, text)
    file, data = given.files.get("file", ("", b""))
    if not text and file.endswith(".toml"):
        text, data = data.decode("utf-8", "replace"), b""
    if not text:
        form.wrong("text", NOT_A_STUDY)
        return _compose(request, form, text, status=422)
    if 'base = "base"' in text and not data:
        form.wrong("file", NO_CASE)
        return _compose(request, form, text, status=422)
    try:
        work, _ = studio_of(request).add(text, who.name, (file, data) if data else None)
    except Mistakes as found:
        return _compose(request, form, text, found.mistakes, status=422)
    store.audit(who.name, "brought in", f"study {work.id}", None, {"name": work.name}, work.entry.created)
    return go(f"/studies/{work.id}")


def _begun(request: Request, form: Form) -> Response:
    name, base = form.text("name", most=80), form.choice("base", BASES)
    days = [_day(form, field, needed=base != "base") for field in ("first", "last")]
    every, seeds = form.number("every_days", low=1, high=366), form.number("seeds", low=1, high=50)
    gap = form.number("gap", low=0, high=50)
    operation, forecast = form.choice("operation", OPERATIONS), form.choice("forecast", FORECASTS)
    if form.errors or every is None or seeds is None or gap is None:
        return _compose(request, form, status=422)
    text = base_of(name, base, *days, every_days=round(every), operation=operation, forecast=forecast, gap=gap / 100,
                   seeds=round(seeds))  # fmt: skip
    return _compose(request, form, text)


def _added(request: Request, form: Form, text: str) -> Response:
    title, kind = form.text("title", most=60), form.choice("kind", tuple(PIECES))
    which = form.text("which", most=80, needed=False)
    number = form.number("number", low=0)
    cost = form.number("yearly_cost", needed=False) or 0.0
    if not text:
        form.wrong("", NOT_A_STUDY)
    if kind in PIECES and PIECES[kind].what and not which:
        form.wrong("which", NO_WHICH)
    if form.errors or number is None:
        return _compose(request, form, text, status=422)
    return _compose(request, form, with_variant(text, title, kind, which, number, cost))


def _day(form: Form, field: str, *, needed: bool) -> date | None:
    given = form.text(field, needed=needed)
    try:
        return date.fromisoformat(given) if given else None
    except ValueError:
        form.wrong(field, N_("“%(given)s” is not a date."), given=given)
        return None


@router.get("/{work_id}")
def show(request: Request, work_id: UUID, who: SeesAsPlanner, words: Language) -> Response:
    return page(request, "study.html", **_shown(words, known_study(request, work_id)))


@router.get("/{work_id}/live")
def live(request: Request, work_id: UUID, who: SeesAsPlanner, words: Language) -> Response:
    """Pieces of the page until the study has ended."""
    template, csrf = environment(words.language).get_template("study_progress.html"), csrf_of(request)

    def look() -> tuple[str, bool] | None:
        work = studio_of(request).work(work_id)
        if work is None:
            return None
        html = template.render(work=work, stage=STAGES, csrf=csrf)
        return text_event("page", html), work.entry.ended

    return followed(look)


@router.post("/{work_id}/run")
def run(request: Request, work_id: UUID, who: ChangesAsPlanner, store: TheStore) -> Response:
    work = known_study(request, work_id)
    studio_of(request).run(work.id)
    store.audit(who.name, "run", f"study {work.id}", None, {"name": work.name}, datetime.now(UTC))
    return go(f"/studies/{work_id}")


@router.post("/{work_id}/cancel")
def cancel(request: Request, work_id: UUID, who: ChangesAsPlanner, store: TheStore) -> Response:
    desk_work.cancel(store, studio_of(request).queue, known_study(request, work_id), who.name)
    return go(f"/studies/{work_id}")


@router.post("/{work_id}/remove")
def remove(request: Request, work_id: UUID, who: ChangesAsPlanner, store: TheStore) -> Response:
    desk_work.remove(store, studio_of(request).queue, known_study(request, work_id), who.name)
    return go("/studies", said="removed")


@router.get("/{work_id}/report.{kind}")
def report(request: Request, work_id: UUID, kind: str, who: SeesAsPlanner, words: Language) -> Response:
    """`html` or `pdf`, in the reader's language."""
    work = _finished(request, work_id)
    path = work.out / f"report-{words.language}.{kind}"
    if kind not in ("html", "pdf") or not path.is_file():
        raise Problem(404, f"report.{kind}: there is none of this study")
    return download(path.read_bytes(), f"{file_name(work.name)}.{kind}",
                   "text/html; charset=utf-8" if kind == "html" else "application/pdf")  # fmt: skip


@router.get("/{work_id}/tables.zip")
def tables(request: Request, work_id: UUID, who: SeesAsPlanner) -> Response:
    """Manifest and Parquet tables."""
    work = _finished(request, work_id)
    return download(packed(work.out), f"{file_name(work.name)}.zip", "application/zip")


@router.get("/{work_id}/study.toml")
def text_file(request: Request, work_id: UUID, who: SeesAsPlanner) -> Response:
    return download(known_study(request, work_id).text.encode(), "study.toml", "application/toml")


def _finished(request: Request, work_id: UUID) -> Work:
    work = known_study(request, work_id)
    if not work.finished:
        raise Problem(409, f"study {work_id}: it is not finished")
    return work


def _shown(words: Words, work: Work) -> dict[str, Any]:
    about: dict[str, Any] = {"work": work, "stage": STAGES, "found": ()}
    if not work.finished:
        return about
    found = _summaries(work.out)
    named = next(w for w in STUDY_WORDS if w.language == words.language)
    rows = [(named.figures[key], [named.figure(key, s.figures[key]) for s in found]) for key in ROWS]
    best = min(found, key=lambda s: s.figures["total_eur"].mean)
    return about | {
        "found": found, "rows": rows, "best": best, "cause": named.cause, "differences": differences(found),
        "sites": sites(found), "pdf": (work.out / f"report-{words.language}.pdf").is_file(),
        "titles": {s.name: s.title for s in found},
    }  # fmt: skip


@lru_cache(maxsize=KEPT_SUMMARIES)
def _summaries(out: Path) -> list[Summary]:
    return summaries(out)


def differences(found: Sequence[Summary]) -> list[tuple[Summary, list[Step]]]:
    """Of each variant from the base, cause by cause."""
    return [(s, waterfall(found[0], s)) for s in found[1:]]


def sites(found: Sequence[Summary]) -> list[Relief]:
    """Where the grid was tight."""
    return [r for r in siting(found) if r.hours]
