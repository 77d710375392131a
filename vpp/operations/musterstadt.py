"""The demo district as a case folder: `python -m vpp.operations.musterstadt` writes `data/musterstadt` anew.

To be run after a change of `vpp.operations.district` or of the data it reads; a test compares the two.
"""

from pathlib import Path

from vpp.cases import write_case
from vpp.operations.district import District, build_district
from vpp.sources.folder import DATA

FOLDER = DATA / "musterstadt"


def write_district(district: District, folder: Path) -> None:
    """The forecasts as a case; the files of an earlier case in the folder are replaced, others stay."""
    write_case(folder, district.tables, district.series, district.market, district.horizon)


if __name__ == "__main__":
    write_district(build_district(), FOLDER)
    print(f"written to {FOLDER}")
