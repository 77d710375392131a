"""One look for each asset type: name, pattern, place in a stack. Its colour is `--<type>` in report.css."""

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Look:
    name: str
    plural: str
    pattern: str
    """Path within an 8 × 8 tile, drawn over the colour; empty: plain."""


RISING, FALLING = "M-2,2 L2,-2 M0,8 L8,0 M6,10 L10,6", "M-2,6 L2,10 M0,0 L8,8 M6,-2 L10,2"
LEVEL, UPRIGHT = "M0,2 H8 M0,6 H8", "M2,0 V8 M6,0 V8"
SPARSE_LEVEL, SPARSE_UPRIGHT = "M0,4 H8", "M4,0 V8"
GRID, DOTS = "M0,4 H8 M4,0 V8", "M2,2 h1.6 M6,6 h1.6"

LOOKS = {
    "pv": Look("PV", "PV systems", ""),
    "wind": Look("Wind", "wind turbines", LEVEL),
    "chp": Look("CHP", "CHP units", RISING),
    "gas_boiler": Look("Gas boiler", "gas boilers", SPARSE_UPRIGHT),
    "electric_boiler": Look("Electric boiler", "electric boilers", GRID),
    "battery": Look("Battery", "batteries", FALLING),
    "heat_store": Look("Heat store", "heat stores", FALLING),
    "heat_pump": Look("Heat pump", "heat pumps", LEVEL),
    "ev_charger": Look("Charge point", "charge points", UPRIGHT),
    "shiftable_load": Look("Shiftable load", "shiftable loads", SPARSE_LEVEL),
    "street_lighting": Look("Street lighting", "street lighting", DOTS),
    "heat_demand": Look("Heat demand", "heat demands", ""),
    "load": Look("Load", "loads", ""),
}
"""In stacking order: generation next to zero on top, inflexible demand next to zero below."""

ORDER_BELOW = ("load", "heat_demand")
"""What lies next to the zero line below it, before the order of LOOKS."""


def look(kind: str) -> Look:
    return LOOKS.get(kind) or Look(kind.replace("_", " ").capitalize(), kind.replace("_", " "), DOTS)


def token(kind: str) -> str:
    """CSS class suffix; `other` for a type without a colour of its own."""
    return kind.replace("_", "-") if kind in LOOKS else "other"


def in_order(kinds: Iterable[str]) -> list[str]:
    """Stacking order from the zero line upwards."""
    rank = {kind: n for n, kind in enumerate(LOOKS)}
    return sorted(kinds, key=lambda kind: (rank.get(kind, len(rank)), kind))


def in_order_below(kinds: Iterable[str]) -> list[str]:
    """Stacking order from the zero line downwards: what cannot be moved first."""
    return sorted(in_order(kinds), key=lambda kind: ORDER_BELOW.index(kind) if kind in ORDER_BELOW else 9)


def pattern(kind: str, id: str) -> Markup:
    """`<pattern>` of the type, to be filled with as `url(#id)`."""
    strokes = look(kind).pattern
    texture = Markup('<path class="texture" d="{}"/>').format(strokes) if strokes else Markup("")
    tile = Markup('<rect width="8" height="8" class="fill-{}"/>').format(token(kind)) + texture
    return Markup('<pattern id="{}" width="8" height="8" patternUnits="userSpaceOnUse">{}</pattern>').format(id, tile)
