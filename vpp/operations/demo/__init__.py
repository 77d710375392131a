"""The demo district, from Modbus registers to verified setpoints, in one run."""

from vpp.operations.demo.options import DEFAULT_DAY, DemoOptions
from vpp.operations.demo.run import DayAhead, Desk, Progress, run_demo
from vpp.operations.demo.summary import Summary

__all__ = ["DEFAULT_DAY", "DayAhead", "DemoOptions", "Desk", "Progress", "Summary", "run_demo"]
