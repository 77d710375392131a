"""Asset types for people: a name, and a colour that means the type wherever it is drawn (tokens in `vpp.css`)."""

from vpp.web.translations import N_

NAMES: dict[str, tuple[str, str]] = {
    "pv": (N_("solar plant"), N_("Solar")),
    "wind": (N_("wind turbine"), N_("Wind")),
    "battery": (N_("battery"), N_("Batteries")),
    "chp": (N_("combined heat and power unit"), N_("Combined heat and power")),
    "gas_boiler": (N_("gas boiler"), N_("Gas boilers")),
    "electric_boiler": (N_("electric boiler"), N_("Electric boilers")),
    "heat_pump": (N_("heat pump"), N_("Heat pumps")),
    "heat_store": (N_("heat store"), N_("Heat stores")),
    "heat_demand": (N_("heat demand"), N_("Heat demand")),
    "load": (N_("load"), N_("Loads")),
    "shiftable_load": (N_("flexible load"), N_("Flexible loads")),
    "ev_charger": (N_("charge point"), N_("Charge points")),
    "street_lighting": (N_("street lighting"), N_("Street lighting")),
    "district_heat": (N_("district heating"), N_("District heating")),
}
"""One, and all of them."""


def kind_name(kind: str, *, many: bool = False) -> str:
    """To be translated; a type without a name here shows its own."""
    return NAMES.get(kind, (kind, kind))[1 if many else 0]


def colour(kind: str) -> str:
    """Name of the colour token."""
    return f"--kind-{kind.replace('_', '-')}" if kind in NAMES else "--kind-other"
