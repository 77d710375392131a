"""Units from the public data of the Marktstammdatenregister: XML, the zip of such files, or CSV.

The whole export (XML): marktstammdatenregister.de, Datendownload. One element per unit; names of elements are those of
its documentation. Part of it (CSV): the portal's extended overview of public units, filtered by postcode or place; its
columns are named as on the portal. Licence DL-DE/BY-2.0, source Bundesnetzagentur. Power in kW, capacity in kWh. Who
owns a unit is not read.
"""

import csv
import io
import re
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import IO

from vpp.domain import Message, Mistake, Mistakes, said
from vpp.domain.register_unit import RegisterUnit

LICENCE = "DL-DE/BY-2.0, Bundesnetzagentur, Marktstammdatenregister"
KINDS = {
    "EinheitSolar": "pv", "EinheitWind": "wind", "EinheitStromSpeicher": "battery", "EinheitVerbrennung": "chp",
    "EinheitBiomasse": "chp",
}  # fmt: skip
"""Asset type by the element of a unit."""
CARRIERS = {
    "Solare Strahlungsenergie": "pv", "Wind": "wind", "Speicher": "battery", "Erdgas": "chp", "Andere Gase": "chp",
    "Mineralölprodukte": "chp", "Biomasse": "chp",
}  # fmt: skip
"""Asset type by `Energieträger` of the CSV: as the elements above, where burning is one element for all fuels."""
NUMBER, CARRIER = "MaStR-Nr. der Einheit", "Energieträger"
NET, GROSS = "Nettonennleistung der Einheit", "Bruttoleistung der Einheit"
CAPACITY, BEGUN = "Nutzbare Speicherkapazität", "Inbetriebnahmedatum der Einheit"
STORE = "AnlageStromSpeicher"
"""Element of a storage plant, which alone knows the capacity of its units."""
_MEMBERS = re.compile(r"(Einheiten(Solar|Wind|StromSpeicher|Verbrennung|Biomasse)|AnlagenStromSpeicher)(_\d+)?\.xml")
_NUMBER = re.compile(r"S(EE|ME)[0-9]{12}")


def read(path: Path) -> list[RegisterUnit]:
    """All units of a file, storage units with the capacity of their plant. Raises Mistakes."""
    with path.open("rb") as file:
        return parse(file, path.name)


def parse(file: IO[bytes], name: str) -> list[RegisterUnit]:
    """As `read`, of a file that lies anywhere."""
    units, capacities, found = dict[str, RegisterUnit](), dict[str, float](), False
    try:
        for made in _made(file):
            found = True
            if isinstance(made, RegisterUnit):
                units[made.number] = made
            else:
                capacities |= made
    except (ET.ParseError, zipfile.BadZipFile, ValueError, UnicodeError, csv.Error) as error:
        raise _refused(name, said("cannot be read: %(problem)s", problem=error)) from None
    if not found or not (units or capacities):
        raise _refused(name, said("holds no units that are known here"))
    return [replace(u, capacity_kwh=capacities.get(u.number, u.capacity_kwh)) for u in units.values()]


def _refused(name: str, problem: Message) -> Mistakes:
    told = said(
        "%(problem)s; allowed: the export's zip, EinheitenSolar.xml, …Wind, …StromSpeicher, …Verbrennung, …Biomasse, "
        "or the CSV of the portal's overview of units", problem=problem,
    )  # fmt: skip
    return Mistakes([Mistake(where=name, what="", problem=f"{told}")])


def _made(file: IO[bytes]) -> Iterator[RegisterUnit | dict[str, float]]:
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as whole:
            for name in whole.namelist():
                if _MEMBERS.fullmatch(Path(name).name):
                    with closing(whole.open(name)) as member:
                        yield from _elements(member)
        return
    file.seek(0)
    is_xml = b"<" in file.read(4)  # after a mark of UTF-8 or UTF-16
    file.seek(0)
    yield from _elements(file) if is_xml else _rows(file)


def _rows(file: IO[bytes]) -> Iterator[RegisterUnit]:
    """Of the portal's CSV: semicolons, decimal commas, dates as 17.05.2021."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        rows = csv.DictReader(text, delimiter=";")
        header = rows.fieldnames or []
        if missing := [name for name in (NUMBER, CARRIER, NET) if name not in header]:
            raise ValueError(f"no column '{missing[0]}'")
        capacity = next((name for name in header if name.startswith(CAPACITY)), "")
        for row in rows:
            cells = {name: (cell or "").strip() for name, cell in row.items() if isinstance(cell, str)}
            if cells.get(CARRIER) in CARRIERS and _NUMBER.fullmatch(cells.get(NUMBER, "")):
                yield _unit_of_row(cells, capacity)
    finally:
        text.detach()  # whoever opened the file closes it


def _unit_of_row(cells: dict[str, str], capacity: str) -> RegisterUnit:
    kind, begun, kwh = CARRIERS[cells[CARRIER]], cells.get(BEGUN), cells.get(capacity)
    return RegisterUnit(
        number=cells[NUMBER], kind=kind, power_kw=_german(cells.get(NET) or cells.get(GROSS) or "nan"),
        capacity_kwh=_german(kwh) if kwh and kind == "battery" else None,
        commissioned=datetime.strptime(begun, "%d.%m.%Y").date() if begun else None,  # noqa: DTZ007 (a day)
        postcode=cells.get("Postleitzahl") or None, place=cells.get("Ort") or None,
    )  # fmt: skip


def _german(text: str) -> float:
    return float(text.replace(".", "").replace(",", "."))


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
