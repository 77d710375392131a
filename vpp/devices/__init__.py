"""Devices over Modbus: profiles, links, readings, the setpoint protocol, and a simulated city to try them on."""

from vpp.devices.device import Device, Loss
from vpp.devices.field import LOOPBACK, Field
from vpp.devices.link import Forbidden, Garbage, Link, LinkError, NoAnswer, Pace, Refused
from vpp.devices.poller import read
from vpp.devices.profile import SETPOINTS, Profile, load_profile, load_profiles, parse_profile
from vpp.devices.setpoints import SetpointProtocol
from vpp.devices.simulated import Fault, SimulatedCity

__all__ = [
    "LOOPBACK", "SETPOINTS", "Device", "Fault", "Field", "Forbidden", "Garbage", "Link", "LinkError", "Loss",
    "NoAnswer", "Pace", "Profile", "Refused", "SetpointProtocol", "SimulatedCity", "load_profile", "load_profiles",
    "parse_profile", "read",
]  # fmt: skip
