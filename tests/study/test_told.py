"""Charts and figures that a report tells, from a few numbers that a reader can check."""

from math import sqrt

import pandas as pd
import pytest

from tests.study.build import PRICES, done, write_case, write_study
from vpp.operations.study.next_battery import value_of_next_battery
from vpp.operations.study.report import render
from vpp.operations.study.report.figures import difference, heat_map, load_duration
from vpp.operations.study.report.words import DE, EN
from vpp.operations.study.summary import Spread, Summary, _spread, summaries


def summary(name, total=0.0, **causes):
    figures = {"total_eur": Spread(mean=total, low=total, high=total, deviation=0.0)}
    return Summary(
        name=name, title=name, days=2, seeds=1, figures=figures, causes=causes, nodes={}, groups={}, types={}
    )


def steps(**flows):
    """Two days of two hours; net export, kW."""
    return pd.DataFrame([
        {"variant": name, "seed": 1, "day": f"2025-0{1 + n // 2}-01", "local_hour": float(n % 2), "net_export_kw": kw}
        for name, values in flows.items() for n, kw in enumerate(values)
    ])  # fmt: skip


def test_the_load_duration_is_the_draw_from_the_highest_to_the_lowest():
    base, other = summary("base"), summary("other")
    figure = load_duration([base, other], steps(base=[-4, -1, 2, -3], other=[-2, -2, 0, -1]), other, EN)
    rows = {row[0]: row[1:] for row in figure.table.rows}
    assert rows["0 %"] == ["4.0", "2.0"] and rows["100 %"] == ["−2.0", "0.0"]
    assert rows["50 %"] == ["2.0", "1.5"], "half-way between 3 and 1, and between 2 and 1"
    assert "4.0 kW in the base and 2.0 kW" in figure.finding


def test_the_heat_map_shows_draw_and_delivery_by_day_and_hour():
    figure = heat_map(summary("base"), steps(base=[-4, -1, 2, -3]), EN, "map")
    assert figure.table.header == ["Hour", "2025-01", "2025-02"]
    assert figure.table.rows == [["0", "4.0", "−2.0"], ["1", "1.0", "3.0"]]
    assert figure.chart.count("fill-battery") > 0 and figure.chart.count("fill-pv") > 0


def test_the_waterfall_goes_from_one_total_to_the_other_cause_by_cause():
    first, second = summary("base", 10.0, purchase=12.0, sale=-2.0), summary("more", 7.0, purchase=8.0, sale=-1.0)
    figure = difference(first, second, EN, "difference")
    assert figure.table.rows == [["base", "10.00"], ["Purchase", "−4.00"], ["Sale", "1.00"], ["more", "7.00"]]
    assert "Largest cause: Purchase, −4.00 EUR" in figure.finding


def test_the_spread_over_the_seeds():
    assert _spread([1.0, 2.0, 6.0]) == Spread(mean=3.0, low=1.0, high=6.0, deviation=pytest.approx(sqrt(7)))
    assert _spread([5.0]).deviation == 0.0


def test_every_figure_is_told_in_both_languages(tmp_path):
    # Behind 10 kW nothing binds, so that the node's prices are the market's.
    write_case(tmp_path / "case", 1, limit="10")
    out = done(write_study(tmp_path / "s.toml", "[variant.other]\n", "seeds = [1, 2]\n"), tmp_path / "out")
    base, _ = summaries(out)
    best = value_of_next_battery(pd.Series(PRICES).to_numpy(), 1.0)
    assert base.nodes["house"]["next_battery_eur_per_kwh"] == pytest.approx(best) and best > 0
    for words in (EN, DE):
        text = render(out, words)
        for key in ("co2_marginal_t", "co2_location_t", "self_sufficiency", "hours_at_limits", "heat_not_served_kwh"):
            assert words.figures[key] in text
        for key in ("groups", "types", "duration", "heat_map_text", "sites"):
            assert words[key].split("{")[0] in text
        for heading in (*words["type_columns"].split("|"), *words["group_columns"].split("|")):
            assert heading in text
