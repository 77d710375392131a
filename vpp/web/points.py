"""What devices measure and are ordered, in words."""

from collections.abc import Mapping

from vpp.web.translations import N_

POINTS: Mapping[str, tuple[str, str]] = {
    "power_kw": (N_("Power"), "kW"), "heat_kw": (N_("Heat"), "kW"), "soc": (N_("Charge"), "%"),
    "energy_kwh": (N_("Energy in store"), "kWh"), "capacity_kwh": (N_("Capacity"), "kWh"),
    "temperature_degc": (N_("Temperature"), "°C"), "source_degc": (N_("Temperature of the source"), "°C"),
    "flow_degc": (N_("Flow temperature"), "°C"), "cell_degc": (N_("Cell temperature"), "°C"),
    "voltage_v": (N_("Voltage"), "V"), "on": (N_("Switched on"), ""), "available_kw": (N_("Power available"), "kW"),
    "rating_kw": (N_("Rated power"), "kW"), "exported_kwh": (N_("Energy delivered"), "kWh"),
    "imported_kwh": (N_("Energy drawn"), "kWh"), "session_kwh": (N_("Energy of this charge"), "kWh"),
    "demand_kw": (N_("Demand"), "kW"), "health_share": (N_("State of health"), "%"), "cable_a": (N_("Cable"), "A"),
    "state": (N_("State"), ""), "power_set_kw": (N_("Ordered power"), "kW"),
    "heat_set_kw": (N_("Ordered heat"), "kW"), "power_set_on": (N_("Follows the order"), ""),
    "heat_set_on": (N_("Follows the order"), ""), "return_degc": (N_("Return temperature"), "°C"),
}  # fmt: skip
"""Names and units of measured points."""
