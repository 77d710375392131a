"""A case folder ⇄ typed assets, outlooks and market; a plan ⇄ its folder."""

from vpp.cases.assemble import from_tables
from vpp.cases.folder import load
from vpp.cases.plan_folder import read_plan, summary_of_plan, write_plan, write_wide_csv
from vpp.cases.price_file import BadPrices, read_prices
from vpp.cases.replacing import NotReplaceable, note_on_replacing
from vpp.cases.report import Report, report
from vpp.cases.writing import Tables, tables_of, write_case

__all__ = [
    "BadPrices", "NotReplaceable", "Report", "Tables", "from_tables", "load", "note_on_replacing", "read_plan",
    "read_prices", "report", "summary_of_plan", "tables_of", "write_case", "write_plan", "write_wide_csv",
]  # fmt: skip
