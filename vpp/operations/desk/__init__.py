"""The planner's desk: cases taken out of the running city, brought in changed, planned one after the other."""

from vpp.operations.desk.jobs import Desk, Job, Stage
from vpp.operations.desk.packing import city_case, packed, unpacked
from vpp.operations.desk.result import Result, result_of

__all__ = ["Desk", "Job", "Result", "Stage", "city_case", "packed", "result_of", "unpacked"]
