"""The report of a run: one HTML file that opens offline."""

from vpp.operations.report.record import Replan, RunRecord, SetpointCounts
from vpp.operations.report.write import write_report

__all__ = ["Replan", "RunRecord", "SetpointCounts", "write_report"]
