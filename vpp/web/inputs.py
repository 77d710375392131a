"""Prices, weather, loads and the register of plants from a file: a preview first, then into the store."""

import io
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from vpp.api.access import TheClock, TheStore
from vpp.domain import Mistakes
from vpp.domain.register_unit import RegisterUnit
from vpp.operations.inputs import Preview, What, import_table, import_units, preview, preview_units
from vpp.sources import mastr
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
    "mastr": (
        N_("Register of plants (MaStR)"),
        N_("Owners then need only enter their number. XML or zip of its export, or CSV of its overview of units."),
    ),
}
REGISTER = "mastr"
NO_FILE = N_("Please choose a file.")
GONE = N_("The preview is too old. Please choose the file again.")
SAID["imported"] = N_("Stored. The next plan takes it into account.")
SAID["units"] = N_("Stored. Owners who enter one of these numbers find their device.")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that was looked at, and waits for a yes."""

    who: str
    what: str
    """Of `KINDS`."""
    content: Table | Sequence[RegisterUnit]
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
    form = Form(words, {"what": "prices"})
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
    own = mastr.LICENCE if what == REGISTER else words.gettext("own data")
    licence, series = form.text("licence", needed=False) or own, form.text("series", most=120, needed=False) or None
    if not content:
        form.wrong("file", NO_FILE)
    read: Table | Sequence[RegisterUnit] | None = None
    found: Preview | None = None
    if not form.errors:
        try:
            if what == REGISTER:
                read = mastr.parse(io.BytesIO(content), name or "file")
            else:
                read = parse(content, name or "file")
                found = preview(store, What(what), read, series)
        except Mistakes as mistakes:
            form.errors["file"] = "; ".join(map(words.mistake, mistakes.mistakes[:5]))
    if read is None or form.errors:
        ages = input_ages(store, clock.now())
        return page(request, "inputs.html", status=422, form=form, kinds=KINDS, ages=ages, now=clock.now())
    waiting = Waiting(who.name, what, read, series, source, licence, time.monotonic() + KEPT_S)
    return _show(request, found, waiting, _waitings(request).keep(waiting))


def _show(request: Request, found: Preview | None, waiting: Waiting, key: str) -> HTMLResponse:
    """`found`: of a table of values; None: of units of the register."""
    rows = list(zip(found.series, found.least, found.greatest, strict=True)) if found else []
    units = [] if isinstance(waiting.content, Table) else preview_units(waiting.content)
    return page(request, "inputs_preview.html", found=found, rows=rows, units=units, waiting=waiting, key=key,
                kinds=KINDS)  # fmt: skip


@router.post("/inputs/store")
def store_it(request: Request, who: ChangesAsOperator, given: FromForm, words: Language, store: TheStore,
             clock: TheClock) -> Response:  # fmt: skip
    waiting = _waitings(request).take(given.texts.get("key", ""), who)
    form = Form(words, {"what": "prices"})
    if waiting is None:
        form.wrong("", GONE)
    else:
        try:
            now = datetime.now(UTC)
            if isinstance(waiting.content, Table):
                import_table(store, What(waiting.what), waiting.content, waiting.series, waiting.source,
                             waiting.licence, who.name, now)  # fmt: skip
                return go("/inputs", said="imported")
            import_units(store, waiting.content, waiting.source, waiting.licence, who.name, now)
            return go("/inputs", said="units")
        except (Mistakes, StoreError) as problem:
            form.errors[""] = words.told(str(problem)) or str(problem)
    ages = input_ages(store, clock.now())
    return page(request, "inputs.html", status=422, form=form, kinds=KINDS, ages=ages, now=clock.now())
