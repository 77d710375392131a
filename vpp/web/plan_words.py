"""What a plan's label and the kinds of its costs are called."""

from vpp.domain import Label
from vpp.web.translations import N_

LABELS: dict[str, tuple[str, str, str]] = {
    Label.OPTIMAL: ("good", N_("optimal"), N_("Proven to be as cheap as asked for.")),
    Label.FEASIBLE: ("notice", N_("feasible"),
                     N_("The best plan found in time; how far it can be from the cheapest is stated.")),
    Label.RELAXED: ("warn", N_("relaxed"),
                    N_("Not every limit can be kept; the least important ones are broken and named.")),
    Label.PREVIOUS: ("warn", N_("previous"), N_("No new plan in time: the last good plan goes on.")),
    Label.SAFE: ("bad", N_("safe"), N_("No plan in time: every device runs by its own safe rules.")),
}  # fmt: skip
"""Kind of chip, word, meaning; best first."""

COMPONENTS: dict[str, str] = {
    "market": N_("Electricity bought less sold"),
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
