"""Inputs from sources and files reach the store, with where they are from; nothing is asked that is not switched on."""

import json
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.operations.live.conftest import NOW
from tests.sources.test_connectors import KML, RECORDED, packed
from vpp.domain import Mistakes
from vpp.operations.inputs import PRICE, Source, What, import_table, place, preview, sources_of
from vpp.operations.live.collector import AGAIN, Collector
from vpp.sources.answers import Answer
from vpp.sources.tables import parse
from vpp.store.dispatching import parts

DAY = date(2025, 5, 11)
NOON = datetime(2025, 5, 11, 10, 5, tzinfo=UTC)


class Outside:
    """Answers as recorded, and counts the questions."""

    def __init__(self, *, prices=None):
        self.asked, self._prices = [], prices

    def __call__(self, address):
        self.asked.append(address)
        if "energy-charts" in address:
            return self._prices or Answer(200, (RECORDED / f"prices-{DAY}.json").read_bytes())
        return Answer(200, packed(KML))


def said(store):
    return {part.name: part.saying for part in parts(store)}


def test_nothing_is_asked_by_itself(store):
    outside = Outside()
    Collector(store, outside, [], "10410").tick(NOON)
    assert outside.asked == []


def test_prices_come_once_a_day_and_become_what_plans_reckon_with(store):
    outside = Outside()
    it = Collector(store, outside, [Source.ENERGY_CHARTS], "10410")
    assert it.tick(NOON) == ["24 prices of 2025-05-11"]
    assert it.tick(NOON) == it.tick(NOON + 2 * AGAIN) == []
    assert len(outside.asked) == 1
    buy, sell = (store.forecast_as_of(name, NOON) for name in ("price-buy", "price-sell"))
    assert len(sell.values) == 96 and min(sell.values) == -250.32
    assert np.allclose(buy.values - sell.values, 3.0)


def test_a_changed_licence_stores_nothing_and_is_said(store):
    body = json.loads((RECORDED / f"prices-{DAY}.json").read_text())
    outside = Outside(prices=Answer(200, json.dumps({**body, "license_info": "private use"}).encode()))
    it = Collector(store, outside, [Source.ENERGY_CHARTS], "10410")
    assert it.tick(NOON) == []
    assert store.prices(PRICE, NOON - timedelta(days=1), NOON + timedelta(days=1)) == {}
    assert "licence 'private use'" in said(store)["source energy-charts"]


def test_a_source_that_asks_for_it_is_left_alone(store):
    outside = Outside(prices=Answer(429, b"", {"retry-after": "1800"}))
    it = Collector(store, outside, [Source.ENERGY_CHARTS], "10410")
    for minutes in (0, 10, 29, 31):
        it.tick(NOON + timedelta(minutes=minutes))
    assert len(outside.asked) == 2


def test_weather_is_stored_until_its_first_gap(store):
    Collector(store, Outside(), [Source.MOSMIX], "10410").tick(NOW)
    temperature, sun = (store.forecast_as_of(f"weather-{name}", NOW) for name in ("temp_air", "ghi"))
    assert len(temperature.values) == 3 * 4 and temperature.values[0] == pytest.approx(10.5)
    assert len(sun.values) == 5 * 4 and "MOSMIX_L 10410" in sun.model
    assert place(store) == (51.40, 6.97) and "ESSEN, DWD" in said(store)["place of the weather"]


def test_a_source_that_does_not_exist_is_named():
    with pytest.raises(Mistakes, match="energy-charts, mosmix; did you mean 'mosmix'"):
        sources_of(["mosmx"])


GERMAN = "Datum;Preis EUR/MWh\n" + "".join(f"07.04.2025 {h:02}:00;{h},50\n" for h in range(24))


def test_a_file_is_previewed_and_then_stored_with_its_origin(store):
    table = parse(GERMAN.encode(), "p.csv")
    found = preview(store, What.PRICES, table)
    assert (found.intervals, found.step_minutes, found.flavour, found.differing) == (24, 60, "German", 24)
    assert import_table(store, What.PRICES, table, None, "SMARD.de", "CC BY 4.0", "ada", NOW) == 24
    assert preview(store, What.PRICES, table).differing == 0
    assert store.forecast_as_of("price-sell", NOW).values[:5].tolist() == [0.5, 0.5, 0.5, 0.5, 1.5]
    with store.database.connection() as connection:
        actor, after = connection.execute("SELECT actor, after FROM vpp.audit WHERE action = 'import'").fetchone()
    assert actor == "ada" and after["licence"] == "CC BY 4.0" and after["new"] == 24


@pytest.mark.parametrize(
    ("what", "text", "sentence"),
    [
        (What.PRICES, "t,a,b\n2025-04-06T00:00Z,1,2\n2025-04-06T01:00Z,1,2\n", "2 columns of values"),
        (What.PRICES, "t,a\n2025-04-06T00:00Z,1\n2025-04-06T01:00Z,90000\n", "the first 90000"),
        (What.PRICES, "t,a\n2025-04-06T00:00Z,1\n2025-04-07T00:00Z,2\n", "intervals of 1440 min"),
        (What.WEATHER, "t,tempair\n2025-04-06T00:00Z,1\n2025-04-06T01:00Z,2\n", "did you mean 'temp_air'"),
        (What.LOAD, "t,town\n2025-04-06T00:00Z,1\n2025-04-06T01:00Z,-2\n", "allowed: 0"),
    ],
    ids=["columns", "range", "step", "name", "negative"],
)
def test_what_does_not_fit_is_refused(store, what, text, sentence):
    with pytest.raises(Mistakes, match=sentence.replace("(", r"\(")):
        preview(store, what, parse(text.encode(), "x.csv"))


def test_the_command_asks_for_a_file(tmp_path):
    import sys

    command = [sys.executable, "-c", "from vpp.cli import main; main()", "import", "prices", str(tmp_path / "none.csv")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert done.returncode == 2 and "is no file; allowed: a CSV file" in done.stderr
