"""How owners are spoken to: short sentences, one thought each, no jargon. By code of the operations beneath."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vpp.operations.owning.doing import Doing, Why
from vpp.operations.registration.draft import Problem
from vpp.web.points import ALL, POINTS
from vpp.web.translations import N_
from vpp.web.words import Words

KINDS: Mapping[str, tuple[str, str]] = {
    "pv": (N_("Solar plant"), N_("Makes electricity from the sun, on your roof or balcony.")),
    "battery": (N_("Battery"), N_("Keeps electricity for later.")),
    "heat_pump": (N_("Heat pump"), N_("Heats your home with electricity.")),
    "ev_charger": (N_("Charge point"), N_("Charges your electric car, at home.")),
    "chp": (N_("Combined heat and power unit"), N_("Makes electricity and heat together, from gas.")),
}
"""Name, and what it is."""

STEP_NAMES: Mapping[str, str] = {
    "type": N_("Your device"), "connection": N_("Connection"), "probe": N_("Find it"), "test": N_("Test"),
    "limits": N_("Your wishes"), "agreement": N_("Agreement"), "confirmation": N_("Done"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """A question in words."""

    label: str
    hint: str = ""
    unit: str = ""


QUESTIONS: Mapping[str, Asked] = {
    "capacity_kwh": Asked(
        N_("How much fits into the battery?"), N_("It stands on the type plate or in the manual."), "kWh"
    ),
    "lowest_soc_percent": Asked(
        N_("How much should always stay in the battery?"), N_("We never take more out. 10 is usual."), "%"
    ),
    "highest_soc_percent": Asked(
        N_("How full may the battery get at most?"), N_("100 is usual. Less than 100 can make it live longer."), "%"
    ),
    "from_grid": Asked(
        N_("May the battery also charge from the grid?"), N_("If not, it charges only with your own sun.")
    ),
    "tilt_degrees": Asked(N_("How steep is the roof?"), N_("Flat is 0. A usual roof is 35. A wall is 90."), "°"),
    "azimuth_degrees": Asked(N_("Where do the panels look?")),
    "feed_in_ct_per_kwh": Asked(
        N_("What do you get for each kilowatt hour?"),
        N_("Your feed-in payment. Leave it empty if you sell at the market price."), "ct/kWh",
    ),
    "may_curtail": Asked(
        N_("May we turn the plant down when there is too much electricity?"),
        N_("That happens seldom, for example at noon on a sunny Sunday."),
    ),
    "area_m2": Asked(N_("How large is the heated area?"), N_("The living area of all heated rooms."), "m²"),
    "heat_kwh_per_year": Asked(
        N_("How much heat does the house need in a year?"),
        N_("It stands in the energy certificate. As a guess: 100 for each square metre."), "kWh",
    ),
    "building": Asked(N_("How is the house built?"), N_("Heavy walls keep the warmth for longer.")),
    "source": Asked(N_("Where does the heat pump take its heat from?")),
    "lowest_room_degc": Asked(N_("How cold may it get at most?"), N_("We keep the rooms at least this warm."), "°C"),
    "highest_room_degc": Asked(
        N_("How warm may it get at most?"), N_("Two degrees more than the lowest is a good start."), "°C"
    ),
    "arrives": Asked(N_("When is the car usually at home?"), N_("For example 18:00.")),
    "departs": Asked(N_("When do you usually leave?"), N_("By then the car is charged. For example 07:00.")),
    "energy_kwh": Asked(
        N_("How much does the car need each day?"), N_("10 kWh are about 50 kilometres."), "kWh"
    ),
    "heat_node": Asked(N_("Which heating does it serve?")),
    "electrical_percent": Asked(N_("Electrical efficiency"), N_("It stands in the data sheet."), "%"),
    "thermal_percent": Asked(N_("Thermal efficiency"), N_("It stands in the data sheet."), "%"),
    "fuel_ct_per_kwh": Asked(N_("What does the gas cost?"), N_("For each kilowatt hour of gas."), "ct/kWh"),
    "least_hours_on": Asked(N_("How long should it run at least, once it runs?"), "", "h"),
}  # fmt: skip
CHOICES: Mapping[str, str] = {
    "yes": N_("Yes"), "no": N_("No"), "0": N_("North"), "90": N_("East"), "135": N_("South-east"), "180": N_("South"),
    "225": N_("South-west"), "270": N_("West"), "light": N_("Light, for example wood"), "medium": N_("In between"),
    "heavy": N_("Heavy, for example brick or concrete"), "air": N_("From the air"), "ground": N_("From the ground"),
}  # fmt: skip
PROBLEMS: Mapping[str, str] = {
    "needed": N_("Please fill this in."),
    "number": N_("“%(given)s” is not a number."),
    "low": N_("%(given)s is too low: at least %(limit)s."),
    "high": N_("%(given)s is too high: at most %(limit)s."),
    "choice": N_("Please choose one of these."),
    "time": N_("“%(given)s” is not a time of day. Write it like this: 07:00."),
    "network": N_("We may not reach this address. Please ask the utility to release it."),
    "taken": N_("A device with this address is registered already."),
    "mastr_form": N_("“%(given)s” is no MaStR number. It looks like this: SEE901234567898."),
    "mastr_kind": N_("“%(given)s” is not the number of a device. It should begin with SEE."),
    "mastr_check": N_("There is a typing mistake in “%(given)s”: the last digit does not fit."),
    "order": N_("This must be more than %(limit)s."),
    "same": N_("This must be another time than the one above."),
}
QUALITY: Mapping[str, tuple[str, str]] = {
    "good": ("good", N_("good")), "suspect": ("warn", N_("doubtful")), "missing": ("off", N_("not available")),
    "stale": ("warn", N_("old")), "substituted": ("notice", N_("replaced")), "bad": ("bad", N_("no answer")),
}  # fmt: skip
"""Chip and word."""
OUTCOMES: Mapping[str, tuple[str, str]] = {
    "passed": ("good", N_("passed")), "failed": ("bad", N_("not passed")), "not tried": ("off", N_("not tried")),
}  # fmt: skip
TESTS: Mapping[str, str] = {
    "reach": N_("The device answers"), "identity": N_("It is the right model"), "point": N_("Measured value"),
    "rating": N_("Its power is as you said"), "write": N_("An order arrives"),
    "silence": N_("It is safe when no orders come"), "release": N_("It is free again"),
}  # fmt: skip


YES_NO = ("on", "power_set_on", "heat_set_on", "power_limit_on", "control_on")


def point_name(words: Words, point: str) -> str:
    return words.gettext(ALL[point][0]) if point in ALL else point


def point_value(words: Words, point: str, value: float | None) -> str:
    unit = ALL.get(point, ("", ""))[1]
    if point in YES_NO and value is not None:
        return words.gettext("yes") if value > 0.5 else words.gettext("no")
    if unit == "%":
        return words.percent(value)
    if not unit:
        return words.number(value, 0 if value is None or value == round(value) else 1)
    return words.quantity(value, unit)


def known_points(values: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that have a name for people, and a value."""
    return [v for v in values if v["point"] in POINTS and v["value"] is not None]


MISSING: Mapping[str, str] = {
    "kind": N_("Please choose the kind of device."), "label": N_("Please give the device a name."),
    "node": N_("Please choose the connection."), "profile": N_("Please choose the model of the device."),
    "host": N_("Please enter the address of the device."), "rating_kw": N_("Please enter the power of the device."),
    "port": N_("Please enter the port."), "unit": N_("Please enter the unit number."),
    "mastr": N_("Please enter the MaStR number."), "way": N_("Please choose whether the device is on the network."),
}  # fmt: skip
"""What to say where an answer is missing, by field; the list of errors on top says it without its field beside it."""


def problem_sentence(words: Words, problem: Problem) -> str:
    if problem.code in ("needed", "choice") and problem.field in MISSING:
        return words.gettext(MISSING[problem.field])
    if problem.code in ("needed", "choice") and problem.field in QUESTIONS:
        question = words.gettext(QUESTIONS[problem.field].label)
        return words.gettext("Please answer: %(question)s", question=question)
    limit = words.number(problem.limit, 0 if problem.limit == round(problem.limit) else 1)
    return words.gettext(PROBLEMS[problem.code], given=problem.given, limit=limit)


DOES: Mapping[tuple[str, str], str] = {
    ("battery", "charging"): N_("The battery is charging with %(power)s."),
    ("battery", "discharging"): N_("The battery is giving out %(power)s."),
    ("battery", "held"): N_("The battery is resting. It keeps its energy for later."),
    ("battery", "waiting"): N_("The battery is resting. It will charge later."),
    ("battery", "idle"): N_("The battery is resting."),
    ("battery", "empty"): N_("The battery is resting. It has given what it may give."),
    ("battery", "full"): N_("The battery is resting. It is full."),
    ("pv", "available"): N_("The plant delivers all that the sun gives: about %(power)s."),
    ("pv", "curtailed"): N_("The plant is turned down for a while. It delivers %(power)s."),
    ("pv", "headroom"): N_("The plant is turned down a little. It keeps something in reserve."),
    ("pv", "nothing_available"): N_("The sun is not shining. The plant is resting."),
    ("heat_pump", "off"): N_("The heat pump is resting. It is warm enough."),
    ("heat_pump", "full_load"): N_("The heat pump is heating with full power: %(power)s."),
    ("heat_pump", "part_load"): N_("The heat pump is heating with %(power)s."),
    ("heat_pump", "minimum_load"): N_("The heat pump is heating gently with %(power)s."),
    ("heat_pump", "minimum_up_time"): N_("The heat pump is heating. It should not switch off too soon."),
    ("heat_pump", "minimum_down_time"): N_("The heat pump is taking a short break."),
    ("chp", "off"): N_("The unit is resting."),
    ("chp", "full_load"): N_("The unit is running with full power: %(power)s."),
    ("chp", "part_load"): N_("The unit is running with %(power)s."),
    ("chp", "minimum_load"): N_("The unit is running with low power: %(power)s."),
    ("chp", "minimum_up_time"): N_("The unit is running. It should not switch off too soon."),
    ("chp", "minimum_down_time"): N_("The unit is taking a short break."),
    ("ev_charger", "no_vehicle"): N_("No car is expected now."),
    ("ev_charger", "charging"): N_("The car is charging with %(power)s."),
    ("ev_charger", "waiting"): N_("The car is waiting. It will be charged in time."),
    ("ev_charger", "done"): N_("The car has what it needs."),
    ("ev_charger", "discharging"): N_("The car is giving out %(power)s."),
}
BECAUSE: Mapping[str, str] = {
    "charging": N_("Electricity is cheap now: %(price)s."),
    "discharging": N_("Electricity is worth a lot now: %(price)s."),
    "waiting": N_("Electricity will be cheaper later. Now it costs %(price)s."),
    "idle": N_("Prices hardly differ today. Charging would only wear it out."),
    "curtailed": N_("There is more electricity than anybody needs. Now it is worth %(price)s."),
    "headroom": N_("The grid needs a reserve."),
    "available": N_("Electricity is worth %(price)s now."),
    "off": N_("Electricity costs %(price)s now. Later it is cheaper, or no heat is needed."),
    "full_load": N_("Electricity is cheap now: %(price)s. The warmth is kept for later."),
    "part_load": N_("It makes just the heat that is needed. Electricity costs %(price)s now."),
    "minimum_load": N_("It makes just the heat that is needed. Electricity costs %(price)s now."),
    "capped": N_("A limit is in force now. The grid operator or the utility has set it."),
}
CHP_BECAUSE: Mapping[str, str] = {
    "off": N_("Its heat would cost more than other heat. Electricity is worth %(price)s now."),
    "full_load": N_("Electricity is worth a lot now: %(price)s."),
    "part_load": N_("It makes just the heat that is needed. Electricity is worth %(price)s now."),
    "minimum_load": N_("It makes just the heat that is needed. Electricity is worth %(price)s now."),
}
SOON: Mapping[str, str] = {
    "charging": N_("It will charge from %(time)s on, at %(price)s."),
    "discharging": N_("It will give out energy from %(time)s on, at %(price)s."),
}


def does(words: Words, kind: str, doing: Doing) -> str:
    """What it does now: one or two short sentences."""
    power = words.kw(abs(doing.power_kw))
    if said := DOES.get((kind, doing.code)):
        return words.gettext(said, power=power)
    if doing.code == "capped":
        return words.gettext("The device runs with %(power)s, inside a limit.", power=power)
    if abs(doing.power_kw) < 0.05:
        return words.gettext("The device is resting.")
    if doing.power_kw > 0:
        return words.gettext("The device gives out %(power)s.", power=power)
    return words.gettext("The device uses %(power)s.", power=power)


def because(words: Words, kind: str, found: Why) -> list[str]:
    """Why, and what comes next."""
    doing, said = found.now, list[str]()
    if doing is None:
        return said
    price = doing.price_eur_per_mwh
    reason = (CHP_BECAUSE if kind == "chp" else BECAUSE).get(doing.code) or BECAUSE.get(doing.code)
    if reason and ("price" not in reason or math.isfinite(price)):
        said.append(words.gettext(reason, price=words.ct_per_kwh(price)))
    if kind in ("battery", "ev_charger") and doing.code not in SOON:
        coming = next((d for d in found.later if d.code in SOON and math.isfinite(d.price_eur_per_mwh)), None)
        if coming is not None:
            told = {"time": words.time(coming.start), "price": words.ct_per_kwh(coming.price_eur_per_mwh)}
            said.append(words.gettext(SOON[coming.code], **told))
    elif kind == "battery" and doing.code == "charging":
        coming = next((d for d in found.later if d.code == "discharging"), None)
        if coming is not None and math.isfinite(coming.price_eur_per_mwh):
            told = {"time": words.time(coming.start), "price": words.ct_per_kwh(coming.price_eur_per_mwh)}
            said.append(words.gettext("The energy is needed from %(time)s on. Then it is worth %(price)s.", **told))
    return said
