"""Units in profiles, what they are worth inside the platform (kW, kWh, 0 … 1), and shares of the rating."""

import re
from dataclasses import dataclass

OF_RATING = "% of rating"
"""Unit of a power given in percent of the device's `rating_kw`."""

UNITS: dict[str, tuple[str, float]] = {
    "W": ("kw", 1e-3), "kW": ("kw", 1.0), "MW": ("kw", 1e3), OF_RATING: ("kw", 0.01),
    "Wh": ("kwh", 1e-3), "kWh": ("kwh", 1.0), "MWh": ("kwh", 1e3),
    "VA": ("kva", 1e-3), "kVA": ("kva", 1.0), "var": ("kvar", 1e-3), "kvar": ("kvar", 1.0),
    "%": ("share", 0.01), "1": ("number", 1.0), "degC": ("degc", 1.0), "Hz": ("hz", 1.0), "V": ("v", 1.0),
    "A": ("a", 1.0), "s": ("s", 1.0), "min": ("s", 60.0), "h": ("h", 1.0), "l/h": ("l_per_h", 1.0),
}  # fmt: skip
"""Unit → (what it measures, canonical value of one)."""

ENDINGS = ("l_per_h", "kvar", "degc", "kwh", "kva", "kw", "hz", "v", "a", "s", "h")
"""Name endings that tell the quantity, the longest first."""


def quantity(name: str) -> str:
    """What a point or setpoint measures, from its name: `power_kw` → kw, `soc` → share, `on` → number."""
    if name == "soc" or name.endswith(("_soc", "_share", "_efficiency")):
        return "share"
    return next((e for e in ENDINGS if name.endswith("_" + e)), "number")


def fitting(name: str) -> list[str]:
    """Units allowed for a name."""
    asked = quantity(name)
    also = {"1"} if asked == "share" else set[str]()
    return [unit for unit, (kind, _) in UNITS.items() if kind == asked or unit in also]


def factor_of(unit: str, rating_kw: float | None) -> float:
    """Canonical value of one unit; `% of rating` needs the rating in kW."""
    worth = UNITS[unit][1]
    return worth * (rating_kw or 0.0) if unit == OF_RATING else worth


@dataclass(frozen=True, slots=True)
class Amount:
    """A canonical value (kW, kWh …), or a share of the device's rating (`-100 %`)."""

    value: float
    of_rating: bool = False

    def at(self, rating_kw: float | None) -> float:
        return self.value * (rating_kw or 0.0) if self.of_rating else self.value

    @staticmethod
    def parse(given: object) -> "Amount":
        if isinstance(given, Amount):
            return given
        if isinstance(given, (int, float)) and not isinstance(given, bool):
            return Amount(float(given))
        if isinstance(given, str) and (match := re.fullmatch(r"([-+]?\d+(?:\.\d+)?) *%", given.strip())):
            return Amount(float(match[1]) / 100, of_rating=True)
        raise ValueError("allowed: a number, or a share of the rating such as -100 %")


def seconds(given: object) -> float:
    """`500ms`, `20s`, `15min`, `2h` → s."""
    worth = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
    if isinstance(given, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?) *(ms|s|min|h)", given.strip())):
        return float(match[1]) * worth[match[2]]
    raise ValueError("allowed: a time with its unit, such as 500ms, 20s, 15min or 2h")
