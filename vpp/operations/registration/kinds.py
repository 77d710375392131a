"""What owners can register, and what has to be known of each kind: its device models, and questions with ranges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from enum import StrEnum

from vpp.devices import Profile


class Answer(StrEnum):
    NUMBER = "number"
    CHOICE = "choice"
    TIME = "time"
    """Of a day, local: `07:00`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One thing to know. What it means to the optimiser stands in `units`."""

    name: str
    """With its unit, in the unit that people use: `lowest_soc_percent`."""
    answer: Answer = Answer.NUMBER
    low: float = 0.0
    high: float = 1e6
    choices: tuple[str, ...] = ()
    default: str = ""
    """As it is typed; empty: the owner must say."""
    needed: bool = True
    point: str = ""
    """The device's own word for it, where it has one: a point of its profile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registrable:
    """A kind of device."""

    kind: str
    """Asset type."""
    made_for: tuple[str, ...]
    """Asset types that its device profiles name."""
    rating: Question
    questions: tuple[Question, ...]
    mastr_only: bool = False
    """May be registered without a connection: it is reckoned with, and not steered."""


Q = Question
YES_NO = ("yes", "no")
AZIMUTHS = ("90", "135", "180", "225", "270", "0")
"""Clockwise from north, degrees: east, south-east, south, south-west, west, north."""
WEIGHTS: Mapping[str, float] = {"light": 50.0, "medium": 90.0, "heavy": 130.0}
"""Effective heat capacity of a building, Wh per K and m² of floor (DIN V 18599-2: light, medium, heavy)."""

_BATTERY = (
    Q(name="capacity_kwh", low=0.5, high=5000, point="capacity_kwh"),
    Q(name="lowest_soc_percent", low=0, high=90, default="10"),
    Q(name="highest_soc_percent", low=10, high=100, default="100"),
    Q(name="from_grid", answer=Answer.CHOICE, choices=YES_NO, default="yes"),
)
_PV = (
    Q(name="tilt_degrees", low=0, high=90, default="35"),
    Q(name="azimuth_degrees", answer=Answer.CHOICE, choices=AZIMUTHS, default="180"),
    Q(name="feed_in_ct_per_kwh", low=0, high=70, needed=False),
    Q(name="may_curtail", answer=Answer.CHOICE, choices=YES_NO, default="yes"),
)
_HEAT_PUMP = (
    Q(name="area_m2", low=20, high=20_000),
    Q(name="heat_kwh_per_year", low=500, high=2_000_000),
    Q(name="building", answer=Answer.CHOICE, choices=tuple(WEIGHTS), default="medium"),
    Q(name="source", answer=Answer.CHOICE, choices=("air", "ground"), default="air"),
    Q(name="lowest_room_degc", low=15, high=24, default="20"),
    Q(name="highest_room_degc", low=17, high=28, default="22"),
)
_CHARGE_POINT = (
    Q(name="arrives", answer=Answer.TIME, default="18:00"),
    Q(name="departs", answer=Answer.TIME, default="07:00"),
    Q(name="energy_kwh", low=0.5, high=150, default="10"),
)
_CHP = (
    Q(name="heat_node", answer=Answer.CHOICE),
    Q(name="electrical_percent", low=5, high=60, default="30"),
    Q(name="thermal_percent", low=10, high=90, default="56"),
    Q(name="fuel_ct_per_kwh", low=0, high=100, default="5.6"),
    Q(name="least_hours_on", low=0, high=24, default="2"),
)
REGISTRABLE: Mapping[str, Registrable] = {
    each.kind: each
    for each in (
        Registrable(kind="pv", made_for=("pv",), questions=_PV, mastr_only=True,
                    rating=Q(name="rating_kw", low=0.3, high=1000)),
        Registrable(kind="battery", made_for=("battery",), questions=_BATTERY,
                    rating=Q(name="rating_kw", low=0.3, high=5000)),
        Registrable(kind="heat_pump", made_for=("heat_pump",), questions=_HEAT_PUMP,
                    rating=Q(name="rating_kw", low=0.3, high=1000)),
        Registrable(kind="ev_charger", made_for=("load", "ev_charger"), questions=_CHARGE_POINT,
                    rating=Q(name="rating_kw", low=1.3, high=400, default="11")),
        Registrable(kind="chp", made_for=("chp",), questions=_CHP, rating=Q(name="rating_kw", low=0.3, high=5000)),
    )
}  # fmt: skip
"""In the order they are offered."""

OF_KIND = {"load": ("charge-point",)}
"""Profiles for an asset type that also serves other kinds: meters of loads are no charge points."""


def profiles_for(kind: str, profiles: Mapping[str, Profile]) -> Sequence[str]:
    """Names of the device models that a kind may have; our own generic ones first."""
    made_for = REGISTRABLE[kind].made_for
    fitting = [
        name for name, p in profiles.items()
        if p.asset in made_for and (p.asset not in OF_KIND or name in OF_KIND[p.asset])
    ]  # fmt: skip
    return sorted(fitting, key=lambda name: ("no vendor" not in profiles[name].source, name))


def clock_time(text: str) -> time | None:
    """`7:00`, `07:00`; None: no time of day."""
    hours, _, minutes = text.strip().partition(":")
    if not (hours.isdigit() and minutes.isdigit() and len(hours) <= 2 and len(minutes) == 2):
        return None
    return time(int(hours), int(minutes)) if int(hours) < 24 and int(minutes) < 60 else None
