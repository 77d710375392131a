"""The PDF can be read aloud: every mark belongs to the tree, and the tree to the page."""

import re
import zlib
from base64 import a85decode
from datetime import UTC, datetime
from uuid import UUID

import pytest

from vpp.operations.registration import agreement as texts
from vpp.operations.registration.confirmation import LIMITS, WORDS, as_pdf, limit_rows
from vpp.operations.registration.kinds import REGISTRABLE
from vpp.store.registrations import Agreement, Registration

AT = datetime(2025, 4, 6, 9, tzinfo=UTC)
STEPS = [{"name": "write", "subject": "power_kw", "outcome": "passed", "detail": "0.2 kW reads back"}] * 40
CONTENT = {
    "label": "Batterie (Keller) – „groß“ €", "kind": "battery", "node": "h01", "rating_kw": "10", "way": "device",
    "profile": "battery", "host": "127.0.0.1", "port": "502", "unit": "1", "mastr": "SEE901234567898",
    "limits": {"lowest_soc_percent": "15", "capacity_kwh": "20.5", "from_grid": "yes"},
    "test": {"protocol": {"steps": STEPS}},
}  # fmt: skip


def made(language: str) -> bytes:
    r = Registration(
        registration_id=UUID(int=1), owner="Änne Müller", author="a", created=AT, changed=AT, content=CONTENT,
        asset_id="battery-1", confirmed=AT,
    )  # fmt: skip
    text = texts.as_text(language)
    agreed = Agreement(
        version=texts.VERSION, language=language, content=text, sha256="ab" * 32, accepted_by="a", accepted=AT
    )
    return as_pdf(r, agreed, language)


def streams(pdf: bytes) -> list[bytes]:
    found = []
    for raw in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        data = raw.strip()
        try:
            found.append(zlib.decompress(a85decode(data, adobe=False) if data.endswith(b"~>") else data))
        except (zlib.error, ValueError):
            try:
                found.append(zlib.decompress(a85decode(b"<~" + data, adobe=True)))
            except (zlib.error, ValueError):
                continue
    return found


@pytest.mark.parametrize("language", ["de", "en"])
def test_it_says_its_language_and_that_it_is_tagged(language):
    pdf = made(language)
    assert pdf.startswith(b"%PDF") and f"/Lang ({language})".encode() in pdf
    assert b"/MarkInfo" in pdf and b"/StructTreeRoot" in pdf and b"/DisplayDocTitle true" in pdf
    for role in (b"/H1", b"/H2", b"/Table", b"/TH", b"/TD", b"/LBody"):
        assert b"/S " + role in pdf
    assert b"FontFile2" in pdf  # fonts are embedded


def test_every_mark_is_opened_closed_and_in_the_tree():
    pdf = made("de")
    pages = [s for s in streams(pdf) if b"BDC" in s]
    assert len(pages) >= 2
    for page in pages:
        begun = len(re.findall(rb"\b(?:BDC|BMC)\b", page))
        assert begun == len(re.findall(rb"\bEMC\b", page))
        numbers = [int(n) for n in re.findall(rb"/MCID (\d+)>> BDC", page)]
        assert numbers == list(range(len(numbers)))
    assert len(re.findall(rb"/MCID \d+ ", pdf)) == sum(len(re.findall(rb"/MCID \d+>> BDC", p)) for p in pages)


def test_limits_are_said_in_the_order_they_were_asked_in():
    rows = limit_rows(CONTENT["limits"], "de")
    assert rows == [
        ("Speicherinhalt", "20,5 kWh"),
        ("Mindestens im Speicher", "15 %"),
        ("Darf aus dem Netz laden", "ja"),
    ]
    assert limit_rows(CONTENT["limits"], "en")[1] == ("Least in store", "15 %")


def test_every_question_and_every_word_is_there_in_both_languages():
    asked = {q.name for about in REGISTRABLE.values() for q in about.questions}
    assert asked == set(LIMITS) and WORDS["de"].keys() == WORDS["en"].keys()
