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
"""Names and units of measured points that everybody understands."""
TECHNICAL: Mapping[str, tuple[str, str]] = {
    "ac_power_kw": (N_("Power of the inverter"), "kW"),
    "battery_abs_kw": (N_("Power of the battery, without sign"), "kW"),
    "battery_power_kw": (N_("Power of the battery"), "kW"), "battery_soc": (N_("Charge of the battery"), "%"),
    "bottom_degc": (N_("Temperature at the bottom"), "°C"), "top_degc": (N_("Temperature at the top"), "°C"),
    "cabinet_degc": (N_("Temperature of the cabinet"), "°C"), "cell_highest_v": (N_("Highest cell voltage"), "V"),
    "cell_lowest_v": (N_("Lowest cell voltage"), "V"), "charge_kw": (N_("Charging"), "kW"),
    "discharge_kw": (N_("Discharging"), "kW"), "discharged_kwh": (N_("Energy discharged"), "kWh"),
    "delivered_kwh": (N_("Energy delivered"), "kWh"), "produced_kwh": (N_("Energy produced"), "kWh"),
    "control_on": (N_("Takes orders"), ""), "dc_1_kw": (N_("First string"), "kW"),
    "dc_2_kw": (N_("Second string"), "kW"), "dc_pv_kw": (N_("Power of the modules"), "kW"),
    "failsafe_s": (N_("Time-out without orders"), "s"), "fall_back_after_s": (N_("Time-out without orders"), "s"),
    "fall_back_to": (N_("What it does without orders"), ""), "fault": (N_("Fault"), ""),
    "flow_l_per_h": (N_("Flow"), "l/h"), "frequency_hz": (N_("Frequency"), "Hz"),
    "grid_l1_kw": (N_("Grid, phase 1"), "kW"), "grid_l2_kw": (N_("Grid, phase 2"), "kW"),
    "grid_l3_kw": (N_("Grid, phase 3"), "kW"), "net_export_kw": (N_("Delivery to the grid"), "kW"),
    "hot_water_degc": (N_("Hot water"), "°C"), "outdoor_degc": (N_("Outdoor temperature"), "°C"),
    "power_limit_on": (N_("Limit in force"), ""), "power_limit_set_kw": (N_("Ordered limit"), "kW"),
    "running_h": (N_("Hours of operation"), "h"), "running_state": (N_("Operation"), ""),
    "sg_state": (N_("Smart grid state"), ""), "starts": (N_("Starts"), ""), "switch_set": (N_("Ordered state"), ""),
}  # fmt: skip
"""Those that tell something to whoever runs the devices."""
ALL = {**POINTS, **TECHNICAL}
