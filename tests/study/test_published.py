"""Cases that others have published, as studies; MW there are kW here, so EUR there are thousandths here.

PyPSA: Brown, Hörsch and Schlachtberger 2018, doi:10.5334/jors.188; its examples with results at https://docs.pypsa.org.
"""

from pathlib import Path

import pytest

from tests.study.build import done, write_study
from vpp.operations.study import files
from vpp.operations.study.summary import summaries

PLANTS = "id,node,heat_node,max_power_kw,electrical_efficiency,thermal_efficiency,fuel_eur_per_mwh,min_power_fraction"


def write_island(folder: Path, plants: dict[str, tuple[float, float, float]], load: list[float], wind=None, more=None):
    """Plants (kW, EUR/MWh, least share) feed a load without a market; their heat is let off."""
    folder.mkdir(parents=True)
    hours = len(load)
    (folder / "case.toml").write_text(
        f'[horizon]\nstart = "2025-02-02T00:00:00+01:00"\nsteps = {hours}\nstep_minutes = 60\n\n'
        "[market]\nbuy_eur_per_mwh = 0\nsell_eur_per_mwh = 0\n"
    )
    (folder / "nodes.csv").write_text(
        "id,carrier,import_limit_kw,export_limit_kw,dump\nbus,electricity,0,0,\nair,heat,,,true\n"
    )
    rows = [
        f"{name},bus,air,{kw},0.5,0.1,{eur * 0.5},{least}" for name, (kw, eur, least) in plants.items()
    ]  # half of the fuel becomes power, so that a kWh of power costs what is published
    (folder / "chp.csv").write_text("\n".join([PLANTS, *rows]) + "\n")
    (folder / "load.csv").write_text("id,node,demand_kw\nload,bus,load\n")
    if wind:
        (folder / "pv.csv").write_text("id,node,peak_kw,profile\nwind,bus,3000,wind\n")
    for name, text in (more or {}).items():
        (folder / name).write_text(text)
    times = [f"2025-02-0{1 if h == 0 else 2}T{(h - 1) % 24:02}:00:00Z" for h in range(hours)]
    lines = [f"{at},{load[h]},{wind[h] if wind else 0}" for h, at in enumerate(times)]
    (folder / "series.csv").write_text("\n".join(["start_utc,load,wind", *lines]) + "\n")


def test_pypsa_unit_commitment_minimum_part_load(tmp_path):
    # PyPSA, examples "Unit Commitment", "Minimum Part Load": coal 20 EUR/MWh, at least 30 % of 10,000 MW; gas 70, at
    # least 10 % of 1,000 MW; load 4000, 6000, 5000, 800 MW. Published: coal 4000, 6000, 5000, 0; gas 0, 0, 0, 800;
    # objective 3.56e5 EUR. https://docs.pypsa.org (docs/examples/unit-commitment.ipynb, 2026)
    write_island(tmp_path / "case", {"coal": (10_000, 20, 0.3), "gas": (1_000, 70, 0.1)}, [4000, 6000, 5000, 800])
    out = done(write_study(tmp_path / "s.toml"), tmp_path / "out")
    (day,) = files.results(out, files.required_manifest(out))
    assert day.kpis["cost_eur"] == pytest.approx(356.0)
    assert day.kpis["violations"] == 0 and day.by_type["chp"]["injected_kwh"] == pytest.approx(15_800)
    assert day.end["coal"]["initial_on_h"] == -1 and day.end["gas"]["initial_on_h"] == 1


@pytest.mark.parametrize(("start", "stop", "objective"), [(0.0, 0.0, 486.0), (5.0, 0.025, 491.025)])
def test_pypsa_unit_commitment_minimum_down_time_and_start_costs(tmp_path, start, stop, objective):
    # PyPSA, examples "Unit Commitment", "Minimum Down Time" and "Start Up and Shut Down Costs": coal 20 EUR/MWh, at
    # least 30 % of 10,000 MW, off for at least 2 h; gas 70, at least 10 % of 4,000 MW; load 3000, 800, 3000, 8000 MW.
    # Published: coal 0, 0, 3000, 8000; gas 3000, 800, 0, 0; objective 486,000 EUR, and 491,025 where a start of coal
    # costs 5,000 and a stop of gas 25. Gas starts as often as it stops in these hours: its stop is paid at its start.
    rows = (
        f"coal,bus,air,10000,0.5,0.1,10,0.3,2,{start},-1",  # off for one hour: it cannot start in the first
        f"gas,bus,air,4000,0.5,0.1,35,0.1,0,{stop},-1",
    )
    text = "\n".join([f"{PLANTS},min_down_h,start_cost_eur,initial_on_h", *rows]) + "\n"
    write_island(tmp_path / "case", {}, [3000, 800, 3000, 8000], more={"chp.csv": text})
    out = done(write_study(tmp_path / "s.toml"), tmp_path / "out")
    (day,) = files.results(out, files.required_manifest(out))
    assert day.kpis["cost_eur"] == pytest.approx(objective)
    assert day.kpis["violations"] == 0 and day.by_type["chp"]["injected_kwh"] == pytest.approx(14_800)
    assert day.end["coal"]["initial_on_h"] == 2 and day.end["gas"]["initial_on_h"] == -2


def test_pypsa_electricity_market_with_storage(tmp_path):
    # PyPSA, examples "Electricity Markets", "Single bidding zone with fixed load and storage, several periods": coal
    # 35,000 MW at 30, gas 8,000 at 60, oil 2,000 at 80 EUR/MWh, wind 3,000 MW, pumped hydro 1,000 MW for 6 h, empty.
    # By hand from these data: coal runs through; gas and oil cover 6100, 6200, 8800, 9500 MW, oil 800 and 1500 of them.
    # The store takes spare gas (1,000 MW in hours 0 and 1) and replaces 800 and 1000 MWh of oil, each 20 EUR cheaper.
    store = (
        "id,node,capacity_kwh,max_charge_kw,max_discharge_kw,charge_efficiency,discharge_efficiency,initial_soc\n"
        "hydro,bus,6000,1000,1000,1,1,0\n"
    )
    plants = {"coal": (35_000, 30, 0), "gas": (8_000, 60, 0), "oil": (2_000, 80, 0)}
    write_island(
        tmp_path / "case", plants, [42_000, 43_000, 45_000, 46_000], [0.3, 0.6, 0.4, 0.5], {"battery.csv": store}
    )
    without = '[variant.without]\n[[variant.without.change]]\ndo = "remove"\ntype = "battery"\n'
    base, dry = summaries(done(write_study(tmp_path / "s.toml", without), tmp_path / "out"))
    assert dry.figures["cost_eur"].mean == pytest.approx((4 * 35_000 * 30 + 28_300 * 60 + 2_300 * 80) / 1000)
    assert dry.figures["cost_eur"].mean - base.figures["cost_eur"].mean == pytest.approx(1_800 * 20 / 1000)
