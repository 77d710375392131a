"""What a plan's label and the kinds of its costs are called."""

from vpp.domain import Label
from vpp.web.translations import N_

LABELS: dict[str, tuple[str, str]] = {
    Label.OPTIMAL: ("good", N_("optimal")),
    Label.FEASIBLE: ("notice", N_("feasible")),
    Label.RELAXED: ("warn", N_("limits exceeded")),
    Label.PREVIOUS: ("warn", N_("earlier plan")),
    Label.SAFE: ("bad", N_("own control")),
}
"""The solver's ladder, best first: kind of chip, and a word."""
LABEL_MEANS: dict[str, str] = {
    Label.OPTIMAL: N_("Proven to be as cheap as asked for."),
    Label.FEASIBLE: N_("The plan keeps every limit; a cheaper one may exist, by %(gap)s at most."),
    Label.RELAXED: N_("Not every wish could be kept. The limits that were exceeded are listed here."),
    Label.PREVIOUS: N_("No new plan came in time; the last one goes on."),
    Label.SAFE: N_("There was no plan to go on with; devices run by their own control."),
}

COMPONENTS: dict[str, str] = {
    "market": N_("Electricity bought less sold"),
    "imbalance": N_("Imbalance beside what was sold"),
    "grid_fee": N_("Grid fees"),
    "fuel": N_("Fuel"),
    "start": N_("Starts"),
    "wear": N_("Wear"),
    "co2": N_("CO₂"),
    "feed_in": N_("Feed-in payments"),
    "peak": N_("Peak demand"),
    "shed": N_("Demand not served"),
    "penalties": N_("Penalties for broken limits"),
    "tie_break": N_("Order among equals"),
    "end_value": N_("Value of what is stored at the end"),
}

WAYS: dict[str, str] = {
    "exact": N_("as one problem"),
    "city": N_("by prices, site by site"),
    "reference": N_("as one problem, without short cuts"),
    "rules": N_("by rules"),
    "previous": N_("from the plan before"),
}
LIMITS: dict[str, str] = {
    "import_limit_kw": N_("highest import"),
    "export_limit_kw": N_("highest export"),
    "max_import_kw": N_("highest draw"),
    "max_export_kw": N_("highest injection"),
    "required_kw": N_("headroom asked for"),
    "max_charge_kw": N_("highest charging power"),
    "max_discharge_kw": N_("highest discharging power"),
    "max_power_kw": N_("highest power"),
    "max_heat_kw": N_("highest heat output"),
    "available_kw": N_("power of sun or wind"),
    "capacity_kwh": N_("storage capacity"),
}
"""Limits that bind, by their column."""
