"""Typed client of the API, written by vpp.api.client_writer from docs/reference/openapi.json.

client = Client(httpx.Client(base_url="https://vpp.example", headers={"Authorization": "Bearer vpp_…"}))
for asset in client.list_assets()["items"]:
    print(asset["id"])
"""

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict

import httpx


class ApiError(RuntimeError):
    """The API refused; says why in its own sentence."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


class Activity(TypedDict):
    active: bool


class Asset(TypedDict):
    id: str
    kind: str
    owner: str | None
    node: str | None
    heat_node: str | None
    nameplate: dict[str, Any]
    outlook: dict[str, Any]
    profile: str | None
    address: str | None
    valid_from: str


class Energy(TypedDict):
    fed_in_kwh: float
    taken_kwh: float


class CaseResult(TypedDict):
    label: str
    method: str
    objective_eur: float | None
    penalty_eur: float | None
    bound_eur: float | None
    gap: float | None
    co2_t: float | None
    components: dict[str, float | None]
    violations: list[str]
    energy: dict[str, Energy]
    highest_import_kw: float
    highest_export_kw: float


class Change(TypedDict):
    asset: str
    column: str
    value: float


class DeskCase(TypedDict):
    """A case that was brought in, and how far its plan is."""

    case_id: str
    name: str
    author: str
    created: str
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    saying: str
    assets: int
    steps: int
    start: str
    method: str
    gap: float
    time_limit_s: float
    best_eur: float | None
    bound_eur: float | None


class DeskStudy(TypedDict):
    """A study, checked and estimated first; it runs when it is told to."""

    study_id: str
    name: str
    author: str
    created: str
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    saying: str
    variants: list[str]
    days: int
    seeds: int
    estimate_s: float | None
    told_to_run: bool
    done: int
    total: int
    seconds_left: float | None
    finished: bool


class Deviation(TypedDict):
    """What a plan brings to the market beside what was sold ahead, over consecutive steps in one direction."""

    start: str
    end: str
    kwh: float
    costs_eur: float
    sentence: str


class Dispatch(TypedDict):
    kind: str
    start: str
    cause: str
    run_id: str | None
    label: str
    why: str
    planned: str
    orders: int


class Earned(TypedDict):
    """One local day of an asset: what it delivered minus what it took, each quarter-hour at what energy was
    worth at the asset's node, or at the agreed price of a plant. Calculated, not an invoice.
    """

    day: str
    delivered_kwh: float
    taken_kwh: float
    value_eur: float
    saved_eur: float
    quarter_hours: int
    measured_share: float


class Entry(TypedDict):
    seq: int
    at: str
    actor: str
    action: str
    object: str
    before: Any
    after: Any
    hash: str


class Erased(TypedDict):
    pseudonym: str
    rows: dict[str, int]
    audit_entries: int


class Event(TypedDict):
    at: str
    state: str
    detail: str


Flavour = Literal["iso", "german"]


class Forecast(TypedDict):
    series: str
    issued: str
    start: str
    step_minutes: float
    values: list[float]
    quantile: float
    model: str


class Health(TypedDict):
    status: Literal["up"]
    now: str


class Imported(TypedDict):
    what: str
    series: list[str]
    start: str
    end: str
    step_minutes: float
    intervals: int
    flavour: str
    least: list[float]
    greatest: list[float]
    differing: int | None
    stored: int | None


class Input(TypedDict):
    name: str
    at: str
    age: str


class Job(TypedDict):
    """Long work that somebody asked for."""

    job_id: str
    kind: str
    subject: str
    author: str
    created: str
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    progress: float
    saying: str
    answer: dict[str, Any] | None


class LogIn(TypedDict):
    name: str
    password: str


class NewAsset(TypedDict):
    """What it is, in columns of the case format; a cell of a series may name one that is forecast."""

    kind: str
    nameplate: dict[str, Any]
    outlook: NotRequired[dict[str, Any]]
    profile: NotRequired[str | None]
    address: NotRequired[str | None]
    owner: NotRequired[str | None]


class NewCommissioning(TypedDict):
    note: NotRequired[str]


class Piece(TypedDict):
    """One change: of which asset, type or node (`which`; nothing for prices and fees), and how much. add: how
    many more like `which`; remove, demand, limit, price, spread: %; fee: ct/kWh; co2: EUR/t.
    """

    kind: Literal["add", "remove", "demand", "limit", "price", "spread", "fee", "co2"]
    which: NotRequired[str]
    number: float


class NewVariant(TypedDict):
    title: str
    yearly_cost_eur: NotRequired[float]
    changes: list[Piece]


class NewDeskStudy(TypedDict):
    """A study composed of pieces, or `text`, a whole `study.toml`. With `base = "base"` it stands on `case_id`."""

    text: NotRequired[str | None]
    case_id: NotRequired[str | None]
    name: NotRequired[str]
    base: NotRequired[Literal["register", "musterstadt", "base"]]
    first: NotRequired[str | None]
    last: NotRequired[str | None]
    every_days: NotRequired[int]
    assets: NotRequired[int | None]
    operation: NotRequired[Literal["daily", "rolling", "rules"]]
    forecast: NotRequired[Literal["perfect", "drawn", "issued"]]
    gap: NotRequired[float]
    seeds: NotRequired[int]
    variants: NotRequired[list[NewVariant]]


class NewDeskStudyAnswer(TypedDict):
    study_id: str
    name: str
    author: str
    created: str
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    saying: str
    variants: list[str]
    days: int
    seeds: int
    estimate_s: float | None
    told_to_run: bool
    done: int
    total: int
    seconds_left: float | None
    finished: bool
    assumed: list[str]


class NewExport(TypedDict):
    owner: NotRequired[str | None]
    start: NotRequired[str | None]
    end: NotRequired[str | None]
    format: NotRequired[Literal["parquet", "csv"]]


class NewLimit(TypedDict):
    """At most this net power of an asset, a group or a node; at least one of both."""

    target: str
    max_import_kw: NotRequired[float | None]
    max_export_kw: NotRequired[float | None]
    start: NotRequired[str | None]
    until: str
    reason: str


class NewOverride(TypedDict):
    """`lock` needs value_kw; `exclude` needs nothing more."""

    kind: Literal["lock", "exclude"]
    target: str
    value_kw: NotRequired[float | None]
    start: NotRequired[str | None]
    until: str
    reason: str


Role = Literal["operator", "owner", "planner", "viewer"]


class NewPerson(TypedDict):
    name: str
    role: Role
    owner: NotRequired[str | None]
    password: str


class NewProbe(TypedDict):
    profile: str
    address: str
    rating_kw: NotRequired[float | None]


class NewRelease(TypedDict):
    """Hand devices back to their own control."""

    target: NotRequired[str | None]
    until: str
    reason: str


class NewStudy(TypedDict):
    """Other numbers of some assets, and assets that are not there."""

    changes: NotRequired[list[Change]]
    without: NotRequired[list[str]]


class NewToken(TypedDict):
    name: str
    role: Role
    owner: NotRequired[str | None]
    scopes: list[Literal["read", "write"]]
    days: NotRequired[int]


class Override(TypedDict):
    override_id: str
    kind: str
    target: str
    value_kw: float | None
    max_import_kw: float | None
    max_export_kw: float | None
    start: str
    until: str
    author: str
    reason: str
    created: str


class Owner(TypedDict):
    owner: str | None


class PageAsset(TypedDict):
    items: list[Asset]
    next: NotRequired[str | None]


class PageEntry(TypedDict):
    items: list[Entry]
    next: NotRequired[str | None]


class Reading(TypedDict):
    asset_id: str
    point: str
    at: str
    value: float | None
    quality: str


class PageReading(TypedDict):
    items: list[Reading]
    next: NotRequired[str | None]


class Run(TypedDict):
    run_id: str
    kind: str
    delivery_day: str
    started: str
    start: str
    steps: int
    step_minutes: int
    label: str
    status: str
    objective_eur: float | None
    bound_eur: float | None
    gap: float | None


class PageRun(TypedDict):
    items: list[Run]
    next: NotRequired[str | None]


class Setpoint(TypedDict):
    id: str
    asset_id: str
    kind: str
    value: float
    valid_from: str
    expires_at: str
    reason: str
    issuer: str
    state: str | None
    state_at: str | None
    detail: str | None


class PageSetpoint(TypedDict):
    items: list[Setpoint]
    next: NotRequired[str | None]


class Person(TypedDict):
    name: str
    role: Role
    owner: str | None
    active: bool
    created: str


class Planned(TypedDict):
    kind: str
    start: str
    label: str
    orders: int
    why: str


class Position(TypedDict):
    """What is sold (> 0) or bought of a quarter-hour."""

    start: str
    delivery_day: str
    position_kw: float
    run_id: str
    released_by: str | None


class Price(TypedDict):
    start: str
    value_eur_per_mwh: float
    recorded: str
    source: str
    licence: str


class Profile(TypedDict):
    profile: str
    asset: str
    source: str
    points: list[str]
    setpoints: list[str]


class Step(TypedDict):
    at: str
    name: str
    subject: str
    outcome: Literal["passed", "failed", "not tried"]
    detail: str


class Protocol(TypedDict):
    """What came of trying a device, step by step."""

    asset_id: str
    profile: str
    source: str
    place: str
    rating_kw: float | None
    started: str
    ended: str
    passed: bool
    probe_only: bool
    signed_by: str
    note: str
    steps: list[Step]


class Reason(TypedDict):
    """Why an asset does what it does, over consecutive steps."""

    asset_id: str
    start: str
    end: str
    code: str
    sentence: str


class RunDetails(TypedDict):
    run_id: str
    kind: str
    delivery_day: str
    started: str
    start: str
    steps: int
    step_minutes: int
    label: str
    status: str
    objective_eur: float | None
    bound_eur: float | None
    gap: float | None
    penalty_eur: float | None
    co2_t: float | None
    inputs_hash: str
    method: str
    why: str
    components: dict[str, float | None]
    violations: list[str]
    deviations: list[Deviation]
    assets: int


class Said(TypedDict):
    name: str
    at: str
    saying: str
    details: dict[str, Any]


class Scheduled(TypedDict):
    asset_id: str
    quantity: str
    start: str
    step_minutes: int
    values: list[float | None]


class Series(TypedDict):
    name: str
    kind: str
    known_since: str


class Session(TypedDict):
    name: str
    role: Role
    owner: str | None
    csrf_token: NotRequired[str | None]


class SetUp(TypedDict):
    token: str
    name: str
    password: str


class SetpointDetails(TypedDict):
    id: str
    asset_id: str
    kind: str
    value: float
    valid_from: str
    expires_at: str
    reason: str
    issuer: str
    state: str | None
    state_at: str | None
    detail: str | None
    events: list[Event]
    verdict: str | None


class Spread(TypedDict):
    """Over the seeds."""

    mean: float | None
    low: float | None
    high: float | None
    deviation: float | None


class Status(TypedDict):
    now: str
    says: list[Said]
    plans: list[Planned]
    inputs: list[Input]


class Study(TypedDict):
    study_id: str
    author: str
    created: str
    question: dict[str, Any]
    state: str
    progress: float
    saying: str
    answer: dict[str, Any] | None


class Token(TypedDict):
    token_id: str
    name: str
    role: Role
    owner: str | None
    scopes: list[str]
    author: str
    created: str
    expires: str
    revoked: str | None


class TokenSecret(TypedDict):
    secret: str
    token: Token


class Variant(TypedDict):
    name: str
    title: str
    days: int
    seeds: int
    figures: dict[str, Spread]
    causes: dict[str, float | None]
    types: dict[str, Any]
    nodes: dict[str, Any]


What = Literal["prices", "weather", "load"]


class Client:
    """Every operation of the API; raises ApiError."""

    def __init__(self, http: httpx.Client) -> None:
        """`http` knows the address and who we are."""
        self._http = http

    def health(self) -> Health:
        """Open to everybody: the process answers. Times of the platform's clock, which a demo may run faster."""
        return self._call("GET", "/api/v1/health")

    def status(self) -> Status:
        """What each part is doing, the plans of the last hours, the age of every input."""
        return self._call("GET", "/api/v1/status")

    def list_audit(self, *, after: str | None = None, limit: int | None = None) -> PageEntry:
        """Who changed what, the newest first."""
        return self._call("GET", "/api/v1/audit", query={"after": after, "limit": limit})

    def list_studies(self, *, limit: int | None = None) -> list[Study]:
        """The newest first."""
        return self._call("GET", "/api/v1/studies", query={"limit": limit})

    def add_study(self, body: NewStudy) -> Study:
        """What if some numbers were others, or some assets were not there? Answered in the background."""
        return self._call("POST", "/api/v1/studies", body=body)

    def show_study(self, study_id: str) -> Study:
        """How far it is; in the end, both plans side by side."""
        return self._call("GET", f"/api/v1/studies/{study_id}")

    def follow_study(self, study_id: str) -> str:
        """Its progress as server-sent events, until it is answered."""
        return self._call("GET", f"/api/v1/studies/{study_id}/events")

    def follow(self, *, seconds: float | None = None) -> str:
        """`hello`, then `plan` (a new one in force), `order` (what became of it), `decision` (an override or a
        limit was made or ended), each with its facts as JSON. Who was away reads the lists anew: nothing is
        repeated. An owner hears of the own assets' orders and decisions.
        """
        return self._call("GET", "/api/v1/events", query={"seconds": seconds})

    def set_up(self, body: SetUp) -> Person:
        """Make the first operator with the one-time token that `vpp up` printed."""
        return self._call("POST", "/api/v1/setup", body=body)

    def who_am_i(self) -> Session:
        """Who asks."""
        return self._call("GET", "/api/v1/session")

    def log_in(self, body: LogIn) -> Session:
        """Log in: a cookie for the browser, and the token that its changes must carry."""
        return self._call("POST", "/api/v1/session", body=body)

    def log_out(self) -> None:
        """End this session; a token stays as it is."""
        return self._call("DELETE", "/api/v1/session")

    def list_people(self) -> list[Person]:
        return self._call("GET", "/api/v1/people")

    def add_person(self, body: NewPerson) -> Person:
        """Let somebody in; an owner is bound to the assets of `owner`."""
        return self._call("POST", "/api/v1/people", body=body)

    def set_activity(self, name: str, body: Activity) -> Person:
        """Let somebody in no longer (sessions and tokens end at once), or again; also ends a lock-out."""
        return self._call("PUT", f"/api/v1/people/{name}/activity", body=body)

    def list_tokens(self) -> list[Token]:
        """Of machines; an owner sees the own ones."""
        return self._call("GET", "/api/v1/tokens")

    def add_token(self, body: NewToken) -> TokenSecret:
        """A token for a machine; its secret is shown this once. Only people make tokens; owners only for
        themselves.
        """
        return self._call("POST", "/api/v1/tokens", body=body)

    def revoke_token(self, token_id: str) -> None:
        """It is void from now on."""
        return self._call("DELETE", f"/api/v1/tokens/{token_id}")

    def list_assets(self, *, after: str | None = None, limit: int | None = None) -> PageAsset:
        """In order of id; an owner sees the own ones."""
        return self._call("GET", "/api/v1/assets", query={"after": after, "limit": limit})

    def show_asset(self, asset_id: str) -> Asset:
        return self._call("GET", f"/api/v1/assets/{asset_id}")

    def put(self, asset_id: str, body: NewAsset, *, if_match: str | None = None) -> Asset:
        """Register an asset, or change it from now on; what it was before is kept. An owner's asset becomes the
        owner's.
        """
        return self._call("PUT", f"/api/v1/assets/{asset_id}", headers={"If-Match": if_match}, body=body)

    def retire(self, asset_id: str) -> None:
        """It is out of use from now on: neither planned nor ordered. Its history stays."""
        return self._call("DELETE", f"/api/v1/assets/{asset_id}")

    def give_asset(self, asset_id: str, body: Owner) -> Asset:
        """The asset is this owner's from now on."""
        return self._call("PUT", f"/api/v1/assets/{asset_id}/owner", body=body)

    def show_latest(self, asset_id: str) -> list[Reading]:
        """The newest reading of each of its points, whatever its quality."""
        return self._call("GET", f"/api/v1/assets/{asset_id}/latest")

    def list_latest(self) -> list[Reading]:
        """The newest reading of every asset and point. Also as CSV and Parquet."""
        return self._call("GET", "/api/v1/latest")

    def list_readings(
        self, asset_id: str, *, point: str, start: str, end: str, after: str | None = None, limit: int | None = None
    ) -> PageReading:
        """From `start` until just before `end`, in order of time. Also as CSV and Parquet."""
        return self._call(
            "GET",
            f"/api/v1/assets/{asset_id}/readings",
            query={"point": point, "start": start, "end": end, "after": after, "limit": limit},
        )

    def list_earnings(self, asset_id: str, *, start: str, end: str) -> list[Earned]:
        """Of the local days that begin from `start` until just before `end`, at most 400: energy, and what it
        was worth at the asset's node, as on the owner's pages. Also as CSV and Parquet.
        """
        return self._call("GET", f"/api/v1/assets/{asset_id}/earnings", query={"start": start, "end": end})

    def list_profiles(self) -> list[Profile]:
        """The device models that are known."""
        return self._call("GET", "/api/v1/profiles")

    def probe_address(self, body: NewProbe) -> Protocol:
        """Try a device that is not registered yet: reach, recognise, read. Nothing is written to it."""
        return self._call("POST", "/api/v1/probe", body=body)

    def probe_asset(self, asset_id: str) -> Protocol:
        """Try the asset's device: reach, recognise, read. Nothing is written to it."""
        return self._call("POST", f"/api/v1/assets/{asset_id}/probe")

    def list_runs(self, *, kind: str | None = None, after: str | None = None, limit: int | None = None) -> PageRun:
        """The newest first. `kind`: day_ahead, intraday, event."""
        return self._call("GET", "/api/v1/runs", query={"kind": kind, "after": after, "limit": limit})

    def show_run(self, run_id: str) -> RunDetails:
        """With its costs by kind, and every limit it could not keep, in a sentence."""
        return self._call("GET", f"/api/v1/runs/{run_id}")

    def show_schedule(
        self,
        run_id: str,
        *,
        asset: str | None = None,
        quantity: Literal[
            "power_kw",
            "heat_kw",
            "state_energy_kwh",
            "state_on",
            "price_eur_per_mwh",
            "market_quantity_kw",
            "position_kw",
            "deviation_kw",
        ]
        | None = None,
    ) -> list[Scheduled]:
        """What each asset does, step by step. Also as CSV and Parquet, one row per step. `market_quantity_kw`,
        `position_kw` and `deviation_kw` are of the whole plan, their asset_id is empty; null: that step was
        not sold ahead.
        """
        return self._call("GET", f"/api/v1/runs/{run_id}/schedule", query={"asset": asset, "quantity": quantity})

    def show_position(self, *, start: str, end: str) -> list[Position]:
        """What is sold and bought of each quarter-hour from `start` until just before `end`, as it stands now:
        the market quantity of the released plan, which later plans hold. Quarter-hours that are not sold yet
        are not there.
        """
        return self._call("GET", "/api/v1/position", query={"start": start, "end": end})

    def list_dispatches(self, *, start: str, end: str) -> list[Dispatch]:
        """What was planned and pushed for the quarter-hours from `start` until just before `end`: each once."""
        return self._call("GET", "/api/v1/dispatches", query={"start": start, "end": end})

    def show_plan(self) -> RunDetails:
        """The plan in force."""
        return self._call("GET", "/api/v1/plan")

    def show_asset_plan(self, asset_id: str) -> list[Scheduled]:
        """What the plan in force says of one asset."""
        return self._call("GET", f"/api/v1/assets/{asset_id}/plan")

    def show_reasons(self, run_id: str, *, asset: str | None = None, at: str | None = None) -> list[Reason]:
        """Why each asset does what it does, of one or all, at one step or all. Also as CSV and Parquet."""
        return self._call("GET", f"/api/v1/runs/{run_id}/reasons", query={"asset": asset, "at": at})

    def show_asset_reasons(self, asset_id: str, *, at: str | None = None) -> list[Reason]:
        """Why the plan in force has the asset do what it does, at one step or all. Also as CSV and Parquet."""
        return self._call("GET", f"/api/v1/assets/{asset_id}/reasons", query={"at": at})

    def list_setpoints(
        self, *, asset: str | None = None, since: str | None = None, after: str | None = None, limit: int | None = None
    ) -> PageSetpoint:
        """Orders with their last state, the newest first; an owner sees those to the own assets."""
        return self._call(
            "GET", "/api/v1/setpoints", query={"asset": asset, "since": since, "after": after, "limit": limit}
        )

    def show_setpoint(self, setpoint_id: str) -> SetpointDetails:
        """One order with its whole history and its verdict."""
        return self._call("GET", f"/api/v1/setpoints/{setpoint_id}")

    def list_series(self) -> list[Series]:
        """Names of all prices and forecasts."""
        return self._call("GET", "/api/v1/series")

    def list_prices(self, *, series: str, start: str, end: str, limit: int | None = None) -> list[Price]:
        """The newest revision of each, with source and licence. Also as CSV and Parquet."""
        return self._call("GET", "/api/v1/prices", query={"series": series, "start": start, "end": end, "limit": limit})

    def show_forecast(self, *, series: str, at: str | None = None, quantile: float | None = None) -> Forecast:
        """The newest issue of a series, as it was known at a time (null: now)."""
        return self._call("GET", "/api/v1/forecasts", query={"series": series, "at": at, "quantile": quantile})

    def list_overrides(self) -> list[Override]:
        """In force or coming, limits among them; an owner sees those of the own assets."""
        return self._call("GET", "/api/v1/overrides")

    def override(self, body: NewOverride, *, idempotency_key: str | None = None) -> Override:
        """Lock an asset to a power, or exclude it from orders. An owner may exclude what is the owner's."""
        return self._call("POST", "/api/v1/overrides", headers={"Idempotency-Key": idempotency_key}, body=body)

    def limit(self, body: NewLimit, *, idempotency_key: str | None = None) -> Override:
        """Limit an asset, a group or a node for a time."""
        return self._call("POST", "/api/v1/limits", headers={"Idempotency-Key": idempotency_key}, body=body)

    def release(self, body: NewRelease, *, idempotency_key: str | None = None) -> list[Override]:
        """Hand an asset, or all that take orders, back to their own control now: what they were ordered is
        withdrawn, and they are excluded until then. An owner releases what is the owner's.
        """
        return self._call("POST", "/api/v1/releases", headers={"Idempotency-Key": idempotency_key}, body=body)

    def take_back(self, override_id: str) -> None:
        """End an override or a limit before its time. An owner may end what the owner decided."""
        return self._call("DELETE", f"/api/v1/overrides/{override_id}")

    def import_file(
        self,
        what: What,
        content: bytes,
        *,
        store_it: bool | None = None,
        series: str | None = None,
        source: str | None = None,
        licence: str | None = None,
    ) -> Imported:
        """ISO or German CSV, at most 30 MB: what is in it, and with `store_it` into the store."""
        return self._call(
            "POST",
            f"/api/v1/imports/{what}",
            query={"store_it": store_it, "series": series, "source": source, "licence": licence},
            content=content,
            form="text/csv",
        )

    def commission(self, asset_id: str, body: NewCommissioning) -> Job:
        """Prove what the asset's device promises: order something harmless, read it back, fall silent, watch it
        let go, release. Takes as long as the device's time-outs; the protocol is the job's answer.
        """
        return self._call("POST", f"/api/v1/assets/{asset_id}/commissioning", body=body)

    def export(self, body: NewExport) -> Job:
        """Everything that is stored, or what is of a time or an owner, as one zip file of Parquet or CSV with a
        manifest. An owner gets what is the owner's.
        """
        return self._call("POST", "/api/v1/exports", body=body)

    def erase(self, name: str) -> Erased:
        """Delete what was read of a person's assets and replace the name everywhere, in the audit log too. For
        good.
        """
        return self._call("POST", f"/api/v1/owners/{name}/erasure")

    def list_jobs(self, *, limit: int | None = None) -> list[Job]:
        """The newest first; an owner sees the own ones."""
        return self._call("GET", "/api/v1/jobs", query={"limit": limit})

    def show_job(self, job_id: str) -> Job:
        return self._call("GET", f"/api/v1/jobs/{job_id}")

    def follow_job(self, job_id: str) -> str:
        """Its progress as server-sent events, until it has ended."""
        return self._call("GET", f"/api/v1/jobs/{job_id}/events")

    def fetch_file(self, job_id: str) -> bytes:
        """What an export wrote; after seven days it is removed."""
        return self._call("GET", f"/api/v1/jobs/{job_id}/file")

    def take_city(self) -> bytes:
        """The case that would be planned now, as a zipped case folder."""
        return self._call("GET", "/api/v1/desk/city")

    def list_cases(self, *, limit: int | None = None) -> list[DeskCase]:
        """The newest first."""
        return self._call("GET", "/api/v1/desk/cases", query={"limit": limit})

    def bring_case(
        self,
        content: bytes,
        *,
        name: str | None = None,
        method: Literal["auto", "exact", "city"] | None = None,
        gap: float | None = None,
        time_limit_s: float | None = None,
    ) -> DeskCase:
        """A zipped case folder, at most 30 MB: every mistake of it at once, or it is planned in the background."""
        return self._call(
            "POST",
            "/api/v1/desk/cases",
            query={"name": name, "method": method, "gap": gap, "time_limit_s": time_limit_s},
            content=content,
            form="application/zip",
        )

    def show_case(self, case_id: str) -> DeskCase:
        return self._call("GET", f"/api/v1/desk/cases/{case_id}")

    def remove_case(self, case_id: str) -> None:
        """The case and its plan."""
        return self._call("DELETE", f"/api/v1/desk/cases/{case_id}")

    def follow_case(self, case_id: str) -> str:
        """How far it is as server-sent events, until it has ended."""
        return self._call("GET", f"/api/v1/desk/cases/{case_id}/events")

    def cancel_case(self, case_id: str) -> DeskCase:
        """Waiting or being planned, it ends; what has ended stays as it is."""
        return self._call("POST", f"/api/v1/desk/cases/{case_id}/cancellation")

    def show_result(self, case_id: str) -> CaseResult:
        """Costs, bound and gap, broken limits, energy by asset type."""
        return self._call("GET", f"/api/v1/desk/cases/{case_id}/result")

    def fetch_case(self, case_id: str) -> bytes:
        """The case folder as it came, zipped."""
        return self._call("GET", f"/api/v1/desk/cases/{case_id}/case")

    def fetch_plan(self, case_id: str) -> bytes:
        """The plan folder, zipped, as `vpp optimise` writes it."""
        return self._call("GET", f"/api/v1/desk/cases/{case_id}/plan")

    def fetch_schedule(self, case_id: str, *, flavour: Flavour | None = None) -> str:
        """For a spreadsheet, `iso` or `german`."""
        return self._call("GET", f"/api/v1/desk/cases/{case_id}/schedule", query={"flavour": flavour})

    def list_desk_studies(self, *, limit: int | None = None) -> list[DeskStudy]:
        """The newest first."""
        return self._call("GET", "/api/v1/desk/studies", query={"limit": limit})

    def compose_study(self, body: NewDeskStudy) -> NewDeskStudyAnswer:
        """Composed of pieces or as a text: every mistake at once, or it is estimated. It runs when it is told
        to.
        """
        return self._call("POST", "/api/v1/desk/studies", body=body)

    def show_desk_study(self, study_id: str) -> DeskStudy:
        return self._call("GET", f"/api/v1/desk/studies/{study_id}")

    def remove_desk_study(self, study_id: str) -> None:
        """The study and its results."""
        return self._call("DELETE", f"/api/v1/desk/studies/{study_id}")

    def fetch_text(self, study_id: str) -> str:
        """Its `study.toml`."""
        return self._call("GET", f"/api/v1/desk/studies/{study_id}/text")

    def run_desk_study(self, study_id: str) -> DeskStudy:
        """After the estimate, or on from where it was interrupted; one that is finished stays so."""
        return self._call("POST", f"/api/v1/desk/studies/{study_id}/run")

    def follow_desk_study(self, study_id: str) -> str:
        """How far estimate or run is as server-sent events, until it has ended."""
        return self._call("GET", f"/api/v1/desk/studies/{study_id}/events")

    def cancel_desk_study(self, study_id: str) -> DeskStudy:
        """Days that are done are kept; `run` goes on from there."""
        return self._call("POST", f"/api/v1/desk/studies/{study_id}/cancellation")

    def show_variants(self, study_id: str) -> list[Variant]:
        """The variants side by side, the base first."""
        return self._call("GET", f"/api/v1/desk/studies/{study_id}/results")

    def fetch_tables(self, study_id: str) -> bytes:
        """Manifest and Parquet tables, zipped."""
        return self._call("GET", f"/api/v1/desk/studies/{study_id}/tables")

    def fetch_report(
        self, study_id: str, *, kind: Literal["html", "pdf"] | None = None, language: Literal["en", "de"] | None = None
    ) -> bytes | str:
        return self._call("GET", f"/api/v1/desk/studies/{study_id}/report", query={"kind": kind, "language": language})

    def _call(
        self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None,
        headers: Mapping[str, Any] | None = None, content: bytes | None = None, form: str | None = None,
    ) -> Any:  # fmt: skip
        given = {**(headers or {}), "Content-Type": form}
        answer = self._http.request(
            method, path, json=body, content=content,
            params={key: value for key, value in (query or {}).items() if value is not None},
            headers={key: str(value) for key, value in given.items() if value is not None},
        )  # fmt: skip
        if answer.is_error:
            told = answer.json() if "json" in answer.headers.get("content-type", "") else {}
            raise ApiError(answer.status_code, told.get("detail", answer.text))
        if not answer.content:
            return None
        kind = answer.headers.get("content-type", "")
        if "json" in kind:
            return answer.json()
        return answer.text if kind.startswith(("text/", "application/toml")) else answer.content
