"""Reasons of a plan in a reader's words. The numbers behind each stay in the optimiser's own sentence beside it."""

from models.dispatch.explain import NO_PRICES, UNPRICED
from vpp.domain import Reason
from vpp.web.translations import N_

WITHOUT_WHY = frozenset(each.template for each in (NO_PRICES, *UNPRICED.values()))

REASONS = {
    "nothing_available": N_("no sun, no wind: nothing to give"),
    "available": N_("gives all there is"),
    "headroom": N_("keeps headroom"),
    "curtailed": N_("gives less than it could"),
    "capped": N_("held by a limit"),
    "position": N_("keeps to the released schedule"),
    "discharging": N_("discharges, because power is dear"),
    "charging": N_("charges, because power is cheap"),
    "held": N_("holds its energy for a dearer hour"),
    "waiting": N_("waits for a cheaper hour"),
    "idle": N_("rests: prices differ too little"),
    "empty": N_("empty"),
    "full": N_("full"),
    "off": N_("off: heat from elsewhere is cheaper"),
    "full_load": N_("at full load: its heat is the cheapest"),
    "part_load": N_("follows the need for heat"),
    "minimum_load": N_("at its lowest load"),
    "minimum_up_time": N_("stays on: it must run for a while"),
    "minimum_down_time": N_("stays off: it must rest for a while"),
    "served": N_("gets what it needs"),
    "not_served": N_("does not get what it needs"),
    "shed": N_("partly switched off"),
    "running": N_("runs in its cheapest place"),
    "done": N_("has what it needs"),
    "no_vehicle": N_("no vehicle"),
    "dimmed": N_("dimmed"),
    "as_planned": N_("as planned"),
}

STATES = {
    "received": N_("received"), "validated": N_("checked"), "sent": N_("sent"), "echoed": N_("taken by the device"),
    "verified": N_("read back"), "effective": N_("took effect"), "rejected": N_("refused"),
    "superseded": N_("replaced by a newer one"), "expired": N_("over"), "released": N_("released"),
    "failed": N_("no effect"), "lost": N_("outcome not known"),
}  # fmt: skip
"""What becomes of an order."""


def reason(found: Reason) -> str:
    """To be translated; where the plan had no prices that say why, only what the asset does."""
    if found.said is not None and found.said.template in WITHOUT_WHY:
        return found.said.template
    return REASONS.get(found.code, found.code.replace("_", " "))
