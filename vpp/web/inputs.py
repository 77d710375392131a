"""Prices, weather and loads from a file: a preview first, then into the store."""

import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from vpp.api.access import TheClock, TheStore
from vpp.domain import Mistakes
from vpp.operations.inputs import Preview, What, import_table, preview
from vpp.sources.tables import Table, parse
from vpp.store import StoreError
from vpp.store.dispatching import input_ages
from vpp.store.people import Who
from vpp.web.forms import Form
from vpp.web.navigation import SAID
from vpp.web.render import go, page
from vpp.web.translations import N_
from vpp.web.visitor import ChangesAsOperator, FromForm, Language, SeesAsOperator

router = APIRouter()

KEPT_S, MOST_KEPT = 900.0, 20
"""How long a file waits for its confirmation, and how many do."""
KINDS = {
    "prices": (N_("Day-ahead prices"), N_("One column, EUR/MWh.")),
    "weather": (N_("Weather"), N_("Columns temp_air (°C), wind_speed (m/s), ghi, dni, dhi (W/m²).")),
    "load": (N_("Loads"), N_("A column for each series, kW, none below zero.")),
}
NO_FILE = N_("Please choose a CSV file.")
GONE = N_("The preview is too old. Please choose the file again.")
SAID["imported"] = N_("Stored. The next plan takes it into account.")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that was looked at, and waits for a yes."""

    who: str
    what: What
    table: Table
    series: str | None
    source: str
    licence: str
    until: float


@dataclass(slots=True)
class Waitings:
    found: dict[str, Waiting] = field(default_factory=dict[str, Waiting])

    def keep(self, waiting: Waiting) -> str:
        now = time.monotonic()
        self.found = {key: w for key, w in self.found.items() if w.until > now}
        while len(self.found) >= MOST_KEPT:
            self.found.pop(next(iter(self.found)))
        key = secrets.token_urlsafe(16)
        self.found[key] = waiting
        return key

    def take(self, key: str, who: Who) -> Waiting | None:
        waiting = self.found.get(key)
        if waiting is None or waiting.who != who.name or waiting.until < time.monotonic():
            return None
        return self.found.pop(key)


def _waitings(request: Request) -> Waitings:
    if not hasattr(request.app.state, "waitings"):
        request.app.state.waitings = Waitings()
    return request.app.state.waitings


@router.get("/inputs")
def inputs(request: Request, who: SeesAsOperator, words: Language, store: TheStore, clock: TheClock) -> HTMLResponse:
    form = Form(words, {"what": "prices", "licence": words.gettext("own data")})
    return page(request, "inputs.html", form=form, kinds=KINDS, ages=input_ages(store, clock.now()), now=clock.now())


@router.post("/inputs/preview")
def look(
    request: Request, who: ChangesAsOperator, given: FromForm, words: Language, store: TheStore, clock: TheClock
) -> Response:
    """What is in the file, and what would change."""
    form = Form.of(words, given)
    what = form.choice("what", list(KINDS))
    name, content = given.files.get("file", ("", b""))
    source = form.text("source", needed=False) or name
    licence, series = form.text("licence"), form.text("series", most=120, needed=False) or None
    if not content:
        form.wrong("file", NO_FILE)
    table, found = None, None
    if not form.errors:
        try:
            table = parse(content, name or "file")
            found = preview(store, What(what), table, series)
        except Mistakes as mistakes:
            form.errors["file"] = "; ".join(map(words.mistake, mistakes.mistakes[:5]))
    if table is None or found is None:
        ages = input_ages(store, clock.now())
        return page(request, "inputs.html", status=422, form=form, kinds=KINDS, ages=ages, now=clock.now())
    waiting = Waiting(who.name, What(what), table, series, source, licence, time.monotonic() + KEPT_S)
    return _show(request, found, waiting, _waitings(request).keep(waiting))


def _show(request: Request, found: Preview, waiting: Waiting, key: str) -> HTMLResponse:
    rows = list(zip(found.series, found.least, found.greatest, strict=True))
    return page(request, "inputs_preview.html", found=found, rows=rows, waiting=waiting, key=key, kinds=KINDS)


@router.post("/inputs/store")
def store_it(request: Request, who: ChangesAsOperator, given: FromForm, words: Language, store: TheStore,
             clock: TheClock) -> Response:  # fmt: skip
    waiting = _waitings(request).take(given.texts.get("key", ""), who)
    form = Form(words, {"what": "prices"})
    if waiting is None:
        form.wrong("", GONE)
    else:
        try:
            import_table(store, waiting.what, waiting.table, waiting.series, waiting.source, waiting.licence, who.name,
                         datetime.now(UTC))  # fmt: skip
            return go("/inputs", said="imported")
        except (Mistakes, StoreError) as problem:
            form.errors[""] = words.told(str(problem)) or str(problem)
    ages = input_ages(store, clock.now())
    return page(request, "inputs.html", status=422, form=form, kinds=KINDS, ages=ages, now=clock.now())
