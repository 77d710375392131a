"""Files of prices, weather and loads: ISO and German."""

from datetime import UTC, datetime, timedelta

import pytest

from vpp.domain import Mistakes
from vpp.sources.tables import parse

HOUR = timedelta(hours=1)


def test_an_iso_file():
    found = parse(b"start_utc,price\n2025-04-06T00:00:00+02:00,1.5\n2025-04-06T01:00:00+02:00,-2\n", "p.csv")
    assert (found.start, found.step, found.flavour) == (datetime(2025, 4, 5, 22, tzinfo=UTC), HOUR, "ISO")
    assert found.columns["price"].tolist() == [1.5, -2]


def test_a_german_file():
    text = "Datum von;Datum bis;Deutschland/Luxemburg [€/MWh]\n" + "".join(
        f"06.04.2025 {h:02}:00;06.04.2025 {h + 1:02}:00;1.{h:03},50\n" for h in range(3)
    )
    for encoding in ("utf-8", "utf-8-sig", "cp1252"):
        found = parse(text.encode(encoding), "p.csv")
        assert list(found.columns) == ["Deutschland/Luxemburg [€/MWh]"]
        assert next(iter(found.columns.values())).tolist() == [1000.5, 1001.5, 1002.5]


@pytest.mark.parametrize("marks", [("", ""), ("A", "B")], ids=["twice", "marked"])
def test_the_repeated_hour_in_october_stands_twice(marks):
    hours = ["01:00", f"02:00{marks[0]}", f"02:00{marks[1]}", "03:00"]
    found = parse(("Datum;Preis\n" + "".join(f"26.10.2025 {h};{n},0\n" for n, h in enumerate(hours))).encode(), "p.csv")
    assert found.step == HOUR and found.start == datetime(2025, 10, 25, 23, tzinfo=UTC)


def test_the_hour_that_march_leaves_out_is_no_gap_and_does_not_exist():
    good = b"Datum;Preis\n30.03.2025 01:00;1\n30.03.2025 03:00;2\n30.03.2025 04:00;3\n"
    assert parse(good, "p.csv").step == HOUR
    with pytest.raises(Mistakes, match="does not exist"):
        parse(good.replace(b"03:00", b"02:00"), "p.csv")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"\x00\x01;", "no text"),
        (b"t,v\n2025-04-06T00:00Z,1\n", "two rows"),
        (b"t,v\n2025-04-06T00:00,1\n2025-04-06T01:00,2\n", "ISO 8601 with offset"),
        (b"t,v\n2025-04-06T00:00Z,1\n2025-04-06T01:00Z,x\n", "p.csv:3: v: 'x' is no number"),
        (b"t,v\n2025-04-06T00:00Z,1\n2025-04-06T01:00Z,\n", "'' is no number"),
        (b"t,v\n2025-04-06T00:00Z,1\n2025-04-06T01:00Z,nan\n", "'nan' is no number"),
        (b"t,v\n2025-04-06T00:00Z,1\n2025-04-06T01:00Z,2\n2025-04-06T03:00Z,3\n", "begins 2:00:00 after"),
        (b"t,v\n2025-04-06T01:00Z,1\n2025-04-06T00:00Z,2\n", "rising"),
        (b"Datum;v\n2025-04-06;1\n2025-04-07;2\n", "06.04.2025"),
        (b"Datum;v\n31.02.2025 00:00;1\n01.03.2025 00:00;2\n", "calendar"),
        (b"Datum;v\n06.04.2025 00:00;1.5x\n06.04.2025 01:00;2\n", "decimal comma"),
    ],
    ids=[
        "empty",
        "binary",
        "one row",
        "no offset",
        "text",
        "missing",
        "nan",
        "gap",
        "falling",
        "iso in german",
        "31",
        "x",
    ],
)
def test_what_is_wrong_is_said_with_its_row(content, sentence):
    with pytest.raises(Mistakes) as found:
        parse(content, "p.csv")
    assert sentence in str(found.value)


def test_every_mistake_is_said_at_once():
    with pytest.raises(Mistakes) as found:
        parse(b"t,v,w\n2025-04-06T00:00Z,a,1\n2025-04-06T01:00Z,2,b\n", "p.csv")
    assert len(found.value.mistakes) == 2
