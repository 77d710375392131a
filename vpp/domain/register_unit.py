"""A unit of the public register of plants (Marktstammdatenregister, MaStR)."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterUnit:
    """What the public export says of a unit, as far as a registration needs it; None: it says nothing."""

    number: str
    """SEE, or SME where an older register was taken over, and twelve digits."""
    kind: str
    """Asset type: pv, wind, battery or chp."""
    power_kw: float
    """Net rating (`Nettonennleistung`)."""
    capacity_kwh: float | None = None
    """Usable capacity of a storage unit (`NutzbareSpeicherkapazitaet`)."""
    commissioned: date | None = None
    postcode: str | None = None
    place: str | None = None
