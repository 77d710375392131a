"""Assets, their devices and what they report and earn."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from vpp.api.values.basics import Given, Name, Shown


class Asset(Shown):
    id: str
    kind: str
    owner: str | None
    node: str | None
    heat_node: str | None
    nameplate: dict[str, Any]
    outlook: dict[str, Any]
    profile: str | None
    address: str | None
    valid_from: datetime


Cell = Annotated[float, Field(allow_inf_nan=False)] | bool | Annotated[str, StringConstraints(max_length=500)] | None
Cells = Annotated[dict[Name, Cell | Annotated[list[dict[Name, Cell]], Field(max_length=1000)]], Field(max_length=200)]
"""Columns of the case format by name; a list of rows for a file beside it."""
Address = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z.:\[\]/_-]+$", min_length=3, max_length=100)]


class NewAsset(Given):
    """What it is, in columns of the case format; a cell of a series may name one that is forecast."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "kind": "battery",
                    "nameplate": {"node": "root", "capacity_kwh": 10.0, "max_charge_kw": 5.0, "max_discharge_kw": 5.0,
                                  "charge_efficiency": 0.95, "discharge_efficiency": 0.95},
                    "outlook": {"initial_soc": 0.5}, "profile": "battery", "address": "10.20.0.7:502/1",
                }
            ]
        },
    )  # fmt: skip

    kind: Name
    nameplate: Cells
    outlook: Cells = {}  # noqa: RUF012 - pydantic copies it
    profile: Name | None = None
    """Of the device; null: it has none that we can reach."""
    address: Address | None = None
    """host:port/unit; the host is an IP address in a network of the setting VPP_NETWORKS."""
    owner: Name | None = None
    """null: the utility itself. An owner's asset is the owner's, whatever stands here."""


class NewProbe(Given):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"profile": "battery", "address": "10.20.0.7:502/1", "rating_kw": 5.0}]},
    )

    profile: Name
    address: Address
    rating_kw: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] | None = None
    """For profiles that speak of shares of it."""


class Step(Shown):
    at: datetime
    name: str
    """reach, identity, point, rating, write, silence or release"""
    subject: str
    outcome: Literal["passed", "failed", "not tried"]
    detail: str


class Protocol(Shown):
    """What came of trying a device, step by step."""

    asset_id: str
    profile: str
    source: str
    place: str
    rating_kw: float | None
    started: datetime
    ended: datetime
    passed: bool
    probe_only: bool
    signed_by: str
    note: str
    steps: list[Step]


class NewCommissioning(Given):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"note": "after the inverter was changed"}]}
    )

    note: Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")] = ""


class Earned(Shown):
    """One local day of an asset: what it delivered minus what it took, each quarter-hour at what energy was worth at
    the asset's node, or at the agreed price of a plant. Calculated, not an invoice."""

    day: str
    delivered_kwh: float
    taken_kwh: float
    value_eur: float
    """Negative: what the energy cost."""
    saved_eur: float
    """By drawing when energy was cheap."""
    quarter_hours: int
    """That had a plan with the asset; others do not count."""
    measured_share: float
    """Of them; where nothing was read the plan's power counts."""


class Profile(Shown):
    profile: str
    asset: str
    source: str
    points: list[str]
    setpoints: list[str]


class Reading(Shown):
    asset_id: str
    point: str
    at: datetime
    value: float | None
    quality: str
