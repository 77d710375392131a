"""What fits where, and what frees a tight place at the least cost, on cases that a reader can check by hand."""

import pytest

from assets import ASSET_TYPES
from tests.study.build import PRICES, done, write_case, write_study
from vpp.operations.study import read_study
from vpp.operations.study.compare import siting
from vpp.operations.study.hosting import host
from vpp.operations.study.summary import summaries


def with_heat_pump(folder, store=""):
    """2 kW of load and a heat pump that needs 2 kW for 5 kW of heat, all day, behind 10 kW."""
    case = write_case(folder, 1, limit="10")
    (case / "battery.csv").unlink()
    with (case / "nodes.csv").open("a") as file:
        file.write("heat,heat,,,\n")
    (case / "heat_pump.csv").write_text("id,node,heat_node,max_power_kw,cop,initial_on_h\nhp,house,heat,2,2.5,1\n")
    (case / "heat_demand.csv").write_text("id,heat_node,demand_kw\nrooms,heat,5\n")
    if store:
        (case / "heat_store.csv").write_text(
            f"id,heat_node,capacity_kwh,initial_soc,final_soc_min\ntank,heat,{store}\n"
        )
    return case


WANTED = """
[hosting]
like = "hp"
column = "max_power_kw"
nodes = ["house"]
days = [2025-02-02]
most_kw = 64
to_kw = 0.25
"""


@pytest.mark.parametrize("store", ["", "1,0.5,0.5"])
def test_as_many_heat_pumps_fit_as_the_connection_carries(tmp_path, store):
    # 10 kW less 2 kW of load and 2 kW of the one that is there: 6 kW, each with its demand. A store changes nothing
    # where the pump has to run all day.
    with_heat_pump(tmp_path / "case", store)
    study = read_study(write_study(tmp_path / "s.toml", WANTED))
    (found,) = host(study, tmp_path, 0.0, ASSET_TYPES)
    assert found.fits_kw == pytest.approx(6, abs=0.25) and found.fits_kw <= 6 + 1e-6
    assert "2025-02-02" in found.reason


def test_the_hours_at_limits_of_two_transformers_and_what_relieves_each_at_the_least_cost(tmp_path):
    # West: 3 kW all day behind 3 kW, 24 h at the limit. East: 2 kW, from noon 5 kW behind 5 kW, 12 h.
    case = write_case(tmp_path / "case", 1)
    (case / "battery.csv").unlink()
    (case / "nodes.csv").write_text(
        "id,carrier,parent,import_limit_kw,export_limit_kw\nbus,electricity,,,\n"
        "west,electricity,bus,3,3\neast,electricity,bus,5,5\n"
    )
    (case / "load.csv").write_text("id,node,demand_kw\nw,west,3\ne,east,evening\n")
    head, *rows = (case / "series.csv").read_text().splitlines()
    rows = [f"{row},{2 if hour < 12 else 5}" for hour, row in enumerate(rows)]
    (case / "series.csv").write_text("\n".join([f"{head},evening", *rows]) + "\n")

    def variant(name, eur_a_day, change):
        return f"[variant.{name}]\nyearly_cost_eur = {365 * eur_a_day}\n[[variant.{name}.change]]\n{change}\n"

    def cable(node):
        return f'do = "limit"\nnode = "{node}"\nfactor = 2'

    def saved(load, factor):
        return f'do = "scale"\ntype = "load"\ncolumn = "demand_kw"\nmatch = "{load}"\nfactor = {factor}'

    variants = [
        variant("west-cable", 10, cable("west")), variant("west-saved", 15, saved("w", 0.5)),
        variant("east-cable", 12, cable("east")), variant("east-saved", 6, saved("e", 0.8)),
    ]  # fmt: skip
    found = siting(summaries(done(write_study(tmp_path / "s.toml", "".join(variants)), tmp_path / "out")))
    assert [(r.node, r.hours, r.variant, r.hours_then) for r in found if r.hours] == [
        ("west", 24, "west-cable", 0), ("east", 12, "east-saved", 0),
    ]  # fmt: skip
    # In the west the cable costs 10 EUR for 24 h; saving 1.5 kW costs 15 EUR and saves only 1.5 × 1.030.
    assert found[0].eur_per_hour == pytest.approx(10 / 24)
    # In the east saving a fifth costs 6 EUR and saves 0.2 × (2 × 420 + 5 × 610) / 1000; the cable costs 12 EUR.
    energy = (2 * sum(PRICES[:12]) + 5 * sum(PRICES[12:])) / 1000
    assert found[1].eur_per_hour == pytest.approx((6 - 0.2 * energy) / 12)
