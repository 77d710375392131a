"""Units of the register of plants: read from a file in the format of its export, stored, and found by their number.

The sample is made by hand after the documentation of the export; its units do not exist.
"""

import zipfile
from datetime import date
from pathlib import Path

import pytest

from vpp.domain import Mistakes
from vpp.domain.register_unit import RegisterUnit
from vpp.operations.registration.mastr import problem_of
from vpp.sources.mastr import read

SOLAR = """<?xml version="1.0" encoding="utf-16"?>
<EinheitenSolar>
  <EinheitSolar>
    <EinheitMastrNummer>SEE901234567898</EinheitMastrNummer>
    <AnlagenbetreiberMastrNummer>ABR900000000000</AnlagenbetreiberMastrNummer>
    <Postleitzahl>99999</Postleitzahl><Ort>Musterstadt</Ort>
    <Inbetriebnahmedatum>2021-05-17</Inbetriebnahmedatum>
    <Energietraeger>2495</Energietraeger>
    <Bruttoleistung>9.900</Bruttoleistung><Nettonennleistung>8.500</Nettonennleistung>
  </EinheitSolar>
</EinheitenSolar>"""
UNITS = """<?xml version="1.0" encoding="utf-8"?>
<EinheitenStromSpeicher>
  <EinheitStromSpeicher>
    <EinheitMastrNummer>SEE911111111113</EinheitMastrNummer>
    <Nettonennleistung>4.600</Nettonennleistung>
    <SpeMastrNummer>SSE922222222223</SpeMastrNummer>
  </EinheitStromSpeicher>
</EinheitenStromSpeicher>"""
PLANTS = """<?xml version="1.0" encoding="utf-8"?>
<AnlagenStromSpeicher>
  <AnlageStromSpeicher>
    <MaStRNummer>SSE922222222223</MaStRNummer>
    <NutzbareSpeicherkapazitaet>10.200</NutzbareSpeicherkapazitaet>
    <VerknuepfteEinheitenMaStRNummern>SEE911111111113</VerknuepfteEinheitenMaStRNummern>
  </AnlageStromSpeicher>
</AnlagenStromSpeicher>"""
ROOF = RegisterUnit(number="SEE901234567898", kind="pv", power_kw=8.5, commissioned=date(2021, 5, 17),
                    postcode="99999", place="Musterstadt")  # fmt: skip
BATTERY = RegisterUnit(number="SEE911111111113", kind="battery", power_kw=4.6, capacity_kwh=10.2)


def export(folder: Path) -> Path:
    path = folder / "export.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("EinheitenSolar_1.xml", SOLAR.encode("utf-16"))
        file.writestr("AnlagenStromSpeicher_1.xml", PLANTS.encode())
        file.writestr("EinheitenStromSpeicher_1.xml", UNITS.encode())
        file.writestr("Marktakteure_1.xml", b"<is not even opened")
    return path


def test_the_export_is_read_with_the_capacity_of_storage_plants(tmp_path):
    assert read(export(tmp_path)) == [ROOF, BATTERY]
    single = tmp_path / "EinheitenSolar.xml"
    single.write_bytes(SOLAR.encode("utf-16"))
    assert read(single) == [ROOF]


CSV = """\ufeff"MaStR-Nr. der Einheit";"Anzeige-Name der Einheit";"Energieträger";"Bruttoleistung der Einheit";\
"Nettonennleistung der Einheit";"Inbetriebnahmedatum der Einheit";"Postleitzahl";"Ort";\
"Nutzbare Speicherkapazität der Einheit in kWh"
"SEE901234567898";"Dach";"Solare Strahlungsenergie";"9,9";"8,5";"17.05.2021";"99999";"Musterstadt";""
"SME911111111113";"Keller";"Speicher";"1.004,6";"1.004,6";"";"";"";"1.010,2"
"SEE922222222227";"Mühle";"Wasser";"50";"50";"01.01.1990";"99999";"Musterstadt";""
"""


def test_the_overview_of_units_is_read_as_the_portal_writes_it(tmp_path):
    path = tmp_path / "Stromerzeuger.csv"
    path.write_text(CSV, encoding="utf-8")
    taken_over = RegisterUnit(number="SME911111111113", kind="battery", power_kw=1004.6, capacity_kwh=1010.2)
    assert read(path) == [ROOF, taken_over]  # water is no type here
    path.write_text(CSV.replace("Nettonennleistung der Einheit", "Nennleistung"), encoding="utf-8")
    with pytest.raises(Mistakes, match="no column 'Nettonennleistung der Einheit'"):
        read(path)


def test_numbers_of_units_taken_over_are_accepted_and_permits_are_not():
    assert problem_of("SME 911111111113") is None
    assert (problem_of("SGE911111111113"), problem_of("ABR911111111113"), problem_of("SME911111111112")) == (
        "kind", "kind", "check",
    )  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"id;power", b"<EinheitenSolar></EinheitenSolar>", SOLAR.encode()[:200]])
def test_what_is_no_export_is_refused_in_one_sentence(tmp_path, content):
    path = tmp_path / "units.xml"
    path.write_bytes(content)
    with pytest.raises(Mistakes, match=r"units\.xml.*allowed: the export"):
        read(path)
