"""What all values share: names, numbers, times with offset, pages; nothing beyond what is named."""

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from vpp.store.people import LEAST_PASSWORD

FIRST, LAST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _in_our_time(at: datetime) -> datetime:
    try:
        utc = at.astimezone(UTC)
    except OverflowError:
        utc = FIRST.replace(year=1)
    if not FIRST <= utc < LAST:
        raise ValueError("allowed: years 1990 to 2199")
    return utc


Instant = Annotated[AwareDatetime, AfterValidator(_in_our_time), Field(examples=["2025-04-06T12:00:00+02:00"])]
"""ISO 8601 with offset."""
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$", min_length=1, max_length=200)]
Name = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f/?#]+$", min_length=1, max_length=120)]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e9, le=1e9)]
Magnitude = Annotated[float, Field(allow_inf_nan=False, ge=0, le=1e9)]
Password = Annotated[str, StringConstraints(min_length=LEAST_PASSWORD, max_length=200)]
T = TypeVar("T")


class Given(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Shown(BaseModel):
    model_config = ConfigDict(extra="forbid", from_attributes=True)


class Page(Shown, Generic[T]):
    """One page; `next` is the cursor of the following one, null on the last."""

    items: list[T]
    next: str | None = None


def example(**values: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [values]})
