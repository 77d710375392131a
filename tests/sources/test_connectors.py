"""Sources outside: what they say is checked, and nothing is guessed."""

import io
import json
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from vpp.sources import energy_charts, mosmix, prices
from vpp.sources.answers import Answer, SourceError, TooOften, ask

RECORDED = Path(__file__).parent / "recorded"
DAY = date(2025, 5, 11)


def body(day=DAY):
    return (RECORDED / f"prices-{day}.json").read_bytes()


def changed(**more):
    return json.dumps({**json.loads(body()), **more}).encode()


@pytest.mark.parametrize(
    ("day", "count", "minutes"),
    [(date(2025, 3, 30), 23, 60), (date(2024, 10, 27), 25, 60), (DAY, 24, 60), (date(2025, 11, 25), 96, 15)],
)
def test_a_day_is_read_from_its_first_to_its_last_interval(day, count, minutes):
    found = energy_charts.fetch(day, lambda address: Answer(200, body(day)))
    expected, _ = prices.day_ahead(day, minutes)
    assert (len(found.starts), found.step_minutes) == (count, minutes)
    assert np.allclose(found.eur_per_mwh, expected)
    assert "CC BY 4.0" in found.licence


def test_a_negative_price_is_a_price():
    assert min(energy_charts.read(body(), DAY).eur_per_mwh) == -250.32


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (changed(license_info="private use only"), "licence 'private use only'; allowed: CC BY 4.0"),
        (changed(unit="ct/kWh"), "unit 'ct/kWh'"),
        (changed(price=[1.0]), "do not fit together"),
        (changed(unix_seconds=["x"] * 24), "unix_seconds holds 'x'"),
        (changed(price=[1e6] * 24), "allowed: -600 … 5000"),
        (changed(price=["1"] * 24), "is '1'"),
        (b"[]", "no JSON object"),
        (b"<html>", "no JSON object"),
    ],
    ids=["licence", "unit", "lengths", "times", "range", "text", "list", "page"],
)  # fmt: skip
def test_what_is_wrong_is_refused_in_a_sentence(answer, sentence):
    with pytest.raises(SourceError, match=sentence.replace("(", r"\(")):
        energy_charts.read(answer, DAY)


@pytest.mark.parametrize("how", ["null", "missing"])
def test_a_gap_is_named_and_not_filled(how):
    found = json.loads(body())
    if how == "null":
        found["price"][5] = None
    else:
        del found["price"][5], found["unix_seconds"][5]
    with pytest.raises(SourceError, match="lacks the price of 2025-05-11 03:00 UTC and 0 more"):
        energy_charts.read(json.dumps(found).encode(), DAY)


def test_too_many_questions_say_how_long_to_wait():
    with pytest.raises(TooOften) as problem:
        energy_charts.fetch(DAY, lambda address: Answer(429, b"", {"retry-after": "30"}))
    assert problem.value.wait_s == 30


def test_another_status_is_said():
    with pytest.raises(SourceError, match="status 500"):
        energy_charts.fetch(DAY, lambda address: Answer(500, b""))


@pytest.mark.parametrize(
    "address",
    ["http://api.energy-charts.info/price", "https://169.254.169.254/latest", "https://localhost/x", "file:///etc/passwd",
     "https://api.energy-charts.info.evil.example/x", "https://api.energy-charts.info:8443/x", "https://x@evil.example/"],
)  # fmt: skip
def test_only_the_named_hosts_are_asked(address):
    with pytest.raises(SourceError, match="is not asked"):
        ask(address)


def packed(text: bytes, name="MOSMIX_L_LATEST_10410.kml") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return file.getvalue()


KML = (RECORDED / "mosmix-10410.kml").read_bytes()


def test_a_weather_forecast_is_read_in_our_units():
    found = mosmix.fetch("10410", lambda address: Answer(200, packed(KML)))
    assert (found.station, found.issued, found.start) == (
        "10410", datetime(2025, 4, 6, 9, tzinfo=UTC), datetime(2025, 4, 6, 10, tzinfo=UTC)
    )  # fmt: skip
    assert (found.name, found.place) == ("ESSEN", (51.40, 6.97))
    # 283.15 K and 284.15 K at the ends of the first hour; 1800 kJ/m² in it are 500 W/m².
    assert found.temp_air[0] == pytest.approx(10.5) and found.ghi[0] == pytest.approx(500.0)
    assert found.wind_speed[0] == pytest.approx(3.5)
    assert np.isnan(found.temp_air[3:5]).all() and np.isfinite(found.ghi).all()


def recorded(name):
    return lambda address: Answer(200, (RECORDED / name).read_bytes())


def test_a_forecast_of_ten_days_as_it_was_issued_is_read_whole():
    found = mosmix.fetch("L821", recorded("MOSMIX_L_2023100809_L821.kmz"))
    assert (found.name, found.place, found.issued) == (
        "WIESBADEN-AURINGEN", (50.13, 8.32), datetime(2023, 10, 8, 9, tzinfo=UTC)
    )  # fmt: skip
    assert found.start == datetime(2023, 10, 8, 10, tzinfo=UTC) and len(found.ghi) == 246
    # As it says: 290.45 and 291.25 K, 3.09 and 2.57 m/s, 1260 kJ/m² in the hour to 11:00 UTC.
    assert found.temp_air[0] == pytest.approx(17.7) and found.wind_speed[0] == pytest.approx(2.83)
    assert found.ghi[:3] == pytest.approx([350.0, 1360 / 3.6, 350.0])
    assert np.isfinite([*found.ghi, *found.temp_air, *found.wind_speed]).all()
    noon = found.ghi[[24 * day + 2 for day in range(10)]]  # the hour from 12:00 UTC of each day
    assert (noon > 50).all() and (found.ghi[12:18] == 0).all()


def test_a_station_without_irradiance_is_refused_and_not_taken_for_darkness():
    with pytest.raises(SourceError, match="MOSMIX N4333: it forecasts no Rad1h; allowed: a station that does"):
        mosmix.fetch("N4333", recorded("MOSMIX_L_2020110603_N4333.kmz"))


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (b"no zip", "no zip archive"),
        (packed(KML, "other.txt"), "no document"),
        (packed(b"<kml"), "no XML"),
        (packed(KML.replace(b"<kml:kml", b'<!DOCTYPE x [<!ENTITY a "b">]><kml:kml', 1)), "entities"),
        (packed(KML.replace(b"T11:00", b"T11:30")), "not hourly"),
        (packed(KML.replace(b"284.15", b"warm")), "TTT holds 'warm'"),
        (packed(KML.replace(b"284.15", b"")), "TTT has 5 values; allowed: 6"),
        (packed(KML.replace(b'"Rad1h"', b'"Other"')), "has no Rad1h"),
        (packed(KML.replace(b"6.97,51.40", b"6.97,514.0")), "coordinates are '6.97,514.0,150.0'"),
    ],
    ids=["zip", "document", "xml", "entities", "times", "text", "count", "element", "place"],
)
def test_a_broken_forecast_is_refused_in_a_sentence(document, sentence):
    with pytest.raises(SourceError, match=sentence):
        mosmix.read(document)


def test_a_station_is_a_station():
    with pytest.raises(SourceError, match="allowed"):
        mosmix.fetch("../../x", lambda address: Answer(200, b""))
