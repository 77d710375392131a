"""The planner's desk: cases taken out of the running city, brought in changed, planned; and studies."""

from vpp.operations.desk.jobs import Desk, Job
from vpp.operations.desk.packing import city_case, packed, unpacked
from vpp.operations.desk.queue import Entry, Queue, Stage
from vpp.operations.desk.result import Result, result_of
from vpp.operations.desk.studio import Studio, Work

__all__ = [
    "Desk", "Entry", "Job", "Queue", "Result", "Stage", "Studio", "Work", "city_case", "packed", "result_of",
    "unpacked",
]  # fmt: skip
