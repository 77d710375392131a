"""A case folder ⇄ typed assets, outlooks and market; a plan ⇄ its folder."""

from vpp.cases.assemble import from_tables
from vpp.cases.folder import load
from vpp.cases.plan_folder import read_plan, summary_of_plan, write_plan
from vpp.cases.replacing import NotReplaceable, note_on_replacing
from vpp.cases.report import Report, report
from vpp.cases.writing import Tables, tables_of, write_case

__all__ = [
    "NotReplaceable", "Report", "Tables", "from_tables", "load", "note_on_replacing", "read_plan", "report",
    "summary_of_plan", "tables_of", "write_case", "write_plan",
]  # fmt: skip
