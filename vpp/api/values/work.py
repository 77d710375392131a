"""Studies, long work, imports, and what the platform says of itself."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from vpp.api.values.basics import Given, Instant, Name, Number, Shown, example


class Change(Given):
    asset: Name
    column: Name
    value: Number


class NewStudy(Given):
    """Other numbers of some assets, and assets that are not there."""

    model_config = example(
        changes=[{"asset": "battery-h01", "column": "capacity_kwh", "value": 80.0}], without=["chp-1"]
    )

    changes: Annotated[list[Change], Field(max_length=1000)] = []  # noqa: RUF012 - pydantic copies it
    without: Annotated[list[Name], Field(max_length=1000)] = []  # noqa: RUF012 - pydantic copies it


class Study(Shown):
    study_id: UUID
    author: str
    created: datetime
    question: dict[str, Any]
    state: str
    progress: float
    saying: str
    answer: dict[str, Any] | None


class Job(Shown):
    """Long work that somebody asked for."""

    job_id: UUID
    kind: str
    subject: str
    author: str
    created: datetime
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    progress: float
    saying: str
    answer: dict[str, Any] | None


class NewExport(Given):
    model_config = example(owner="anna", start="2025-01-01T00:00:00+01:00", format="parquet")

    owner: Name | None = None
    """Only what is of this owner; null: everything, for an owner what is the owner's."""
    start: Instant | None = None
    end: Instant | None = None
    format: Literal["parquet", "csv"] = "parquet"


class Entry(Shown):
    seq: int
    at: datetime
    actor: str
    action: str
    object: str
    before: Any
    after: Any
    hash: str


class Said(Shown):
    name: str
    at: str
    saying: str
    details: dict[str, Any]


class Input(Shown):
    name: str
    at: str
    age: str


class Planned(Shown):
    kind: str
    start: str
    label: str
    orders: int
    why: str


class Status(Shown):
    now: str
    says: list[Said]
    plans: list[Planned]
    inputs: list[Input]


class Imported(Shown):
    what: str
    series: list[str]
    start: datetime
    end: datetime
    step_minutes: float
    intervals: int
    flavour: str
    least: list[float]
    greatest: list[float]
    differing: int | None
    """Prices that are new or differ from what is known."""
    stored: int | None
    """null: only a preview."""


class Health(Shown):
    status: Literal["up"]
    now: datetime
