"""Units from the public export of the Marktstammdatenregister (XML, or the zip of its files).

The whole export: marktstammdatenregister.de, Datendownload; licence DL-DE/BY-2.0, source Bundesnetzagentur. One element
per unit; names of elements are those of its documentation. Power in kW, capacity in kWh. Who owns a unit is not read.
"""

import re
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import IO

from vpp.domain import Mistake, Mistakes
from vpp.domain.register_unit import RegisterUnit

LICENCE = "DL-DE/BY-2.0, Bundesnetzagentur, Marktstammdatenregister"
KINDS = {
    "EinheitSolar": "pv", "EinheitWind": "wind", "EinheitStromSpeicher": "battery", "EinheitVerbrennung": "chp",
    "EinheitBiomasse": "chp",
}  # fmt: skip
"""Asset type by the element of a unit."""
STORE = "AnlageStromSpeicher"
"""Element of a storage plant, which alone knows the capacity of its units."""
_MEMBERS = re.compile(r"(Einheiten(Solar|Wind|StromSpeicher|Verbrennung|Biomasse)|AnlagenStromSpeicher)(_\d+)?\.xml")
_NUMBER = re.compile(r"S(EE|ME)[0-9]{12}")


def read(path: Path) -> list[RegisterUnit]:
    """All units of a file, storage units with the capacity of their plant. Raises Mistakes."""
    units, capacities, found = dict[str, RegisterUnit](), dict[str, float](), False
    try:
        for file in _files(path):
            found = True
            with closing(file):
                for made in _elements(file):
                    if isinstance(made, RegisterUnit):
                        units[made.number] = made
                    else:
                        capacities |= made
    except (ET.ParseError, zipfile.BadZipFile, ValueError, UnicodeError) as error:
        raise _refused(path, f"cannot be read: {error}") from None
    if not found or not (units or capacities):
        raise _refused(path, "holds no units that are known here")
    return [replace(u, capacity_kwh=capacities.get(u.number, u.capacity_kwh)) for u in units.values()]


def _refused(path: Path, problem: str) -> Mistakes:
    allowed = "the export's zip, or EinheitenSolar.xml, …Wind, …StromSpeicher, …Verbrennung, …Biomasse"
    return Mistakes([Mistake(where=path.name, what="", problem=f"{problem}; allowed: {allowed}")])


def _files(path: Path) -> Iterator[IO[bytes]]:
    if not zipfile.is_zipfile(path):
        yield path.open("rb")
        return
    with zipfile.ZipFile(path) as whole:
        for name in whole.namelist():
            if _MEMBERS.fullmatch(Path(name).name):
                yield whole.open(name)


def _elements(file: IO[bytes]) -> Iterator[RegisterUnit | dict[str, float]]:
    """One after the other: a file of the export has hundreds of megabytes."""
    events = ET.iterparse(file, events=("start", "end"))
    _, root = next(events)
    for event, element in events:
        if event == "end" and (element.tag in KINDS or element.tag == STORE):
            cells = {child.tag: (child.text or "").strip() for child in element}
            if element.tag == STORE:
                yield _capacity(cells)
            elif _NUMBER.fullmatch(cells.get("EinheitMastrNummer", "")):
                yield _unit(KINDS[element.tag], cells)
            root.clear()


def _unit(kind: str, cells: dict[str, str]) -> RegisterUnit:
    begun = cells.get("Inbetriebnahmedatum")
    return RegisterUnit(
        number=cells["EinheitMastrNummer"], kind=kind,
        power_kw=float(cells.get("Nettonennleistung") or cells.get("Bruttoleistung") or "nan"),
        commissioned=date.fromisoformat(begun[:10]) if begun else None,
        postcode=cells.get("Postleitzahl") or None, place=cells.get("Ort") or None,
    )  # fmt: skip


def _capacity(cells: dict[str, str]) -> dict[str, float]:
    """Of a plant's units: all of it where there is one unit; which share each has is not said."""
    units = re.findall(_NUMBER.pattern.replace("(", "(?:"), cells.get("VerknuepfteEinheitenMaStRNummern", ""))
    kwh = cells.get("NutzbareSpeicherkapazitaet")
    return {units[0]: float(kwh)} if kwh and len(units) == 1 else {}
