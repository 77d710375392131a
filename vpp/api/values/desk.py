"""The planner's desk: cases to plan, and studies composed or written."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, model_validator

from vpp.api.values.basics import Given, Magnitude, Shown, Text, example

State = Literal["waiting", "running", "done", "failed", "cancelled"]
Kind = Literal["add", "remove", "demand", "limit", "price", "spread", "fee", "co2"]


class DeskCase(Shown):
    """A case that was brought in, and how far its plan is."""

    case_id: UUID
    name: str
    author: str
    created: datetime
    state: State
    saying: str
    """Why it failed."""
    assets: int
    steps: int
    start: datetime
    method: str
    gap: float
    time_limit_s: float
    best_eur: float | None
    bound_eur: float | None


class Energy(Shown):
    fed_in_kwh: float
    taken_kwh: float


class CaseResult(Shown):
    label: str
    method: str
    objective_eur: float | None
    penalty_eur: float | None
    bound_eur: float | None
    gap: float | None
    """0.001: one thousandth."""
    co2_t: float | None
    components: dict[str, float | None]
    violations: list[str]
    energy: dict[str, Energy]
    """By asset type."""
    highest_import_kw: float
    highest_export_kw: float


class Piece(Given):
    """One change: of which asset, type or node (`which`; nothing for prices and fees), and how much.

    add: how many more like `which`; remove, demand, limit, price, spread: %; fee: ct/kWh; co2: EUR/t.
    """

    kind: Kind
    which: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=80)] = ""
    number: Magnitude

    @model_validator(mode="after")
    def _knows_of_which(self) -> "Piece":
        if not self.which and self.kind in ("add", "remove", "demand", "limit"):
            raise ValueError("which: is missing; allowed: an asset, type or node, as the kind of change says")
        return self


class NewVariant(Given):
    title: Annotated[Text, Field(max_length=60)]
    yearly_cost_eur: Magnitude = 0.0
    changes: Annotated[list[Piece], Field(min_length=1, max_length=50)]


class NewDeskStudy(Given):
    """A study composed of pieces, or `text`, a whole `study.toml`. With `base = "base"` it stands on `case_id`."""

    model_config = example(
        name="More batteries", base="musterstadt", first="2025-04-06", last="2025-04-06",
        variants=[{"title": "Two more", "yearly_cost_eur": 900.0,
                   "changes": [{"kind": "add", "which": "battery-*", "number": 2}]}],
    )  # fmt: skip

    text: Annotated[str, Field(max_length=200_000)] | None = None
    case_id: UUID | None = None
    name: Annotated[Text, Field(max_length=80)] = "study"
    base: Literal["register", "musterstadt", "base"] = "register"
    first: date | None = None
    last: date | None = None
    every_days: Annotated[int, Field(ge=1, le=366)] = 1
    assets: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Of the demo district; null: as it is."""
    operation: Literal["daily", "rolling", "rules"] = "daily"
    forecast: Literal["perfect", "drawn", "issued"] = "perfect"
    gap: Annotated[float, Field(ge=0, le=0.5)] = 0.005
    seeds: Annotated[int, Field(ge=1, le=50)] = 1
    variants: Annotated[list[NewVariant], Field(max_length=50)] = []  # noqa: RUF012 - pydantic copies it


class DeskStudy(Shown):
    """A study, checked and estimated first; it runs when it is told to."""

    study_id: UUID
    name: str
    author: str
    created: datetime
    state: State
    saying: str
    variants: list[str]
    days: int
    seeds: int
    estimate_s: float | None
    """Of the whole; null: not estimated yet."""
    told_to_run: bool
    done: int
    """Days of all variants and seeds."""
    total: int
    seconds_left: float | None
    finished: bool


class NewDeskStudyAnswer(DeskStudy):
    assumed: list[str]
    """What had to be assumed."""


class Spread(Shown):
    """Over the seeds."""

    mean: float | None
    low: float | None
    high: float | None
    deviation: float | None


class Variant(Shown):
    name: str
    title: str
    days: int
    seeds: int
    figures: dict[str, Spread]
    causes: dict[str, float | None]
    """Of the difference to the base, EUR."""
    types: dict[str, Any]
    nodes: dict[str, Any]
