"""A plan of the platform is made again from what the store knew then, whatever came later."""

import json
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID

import numpy as np
import pytest
from typer.testing import CliRunner

from assets import ASSET_TYPES
from models.dispatch import Effort
from tests.operations.live.conftest import NOW
from tests.operations.live.site import STEP, issue_day, read_well, registered, small_site
from tests.operations.live.test_planner import FAR, HERE, override
from vpp.cases import load
from vpp.cli.app import app
from vpp.domain import QUARTER, Label, SetpointEvent, SetpointState
from vpp.operations import plan as planning
from vpp.operations.live.planner import Planner
from vpp.operations.rebuild import Comparison, make_again, rebuild, write
from vpp.operations.recipe import Recipe, as_plain, from_plain
from vpp.store import StoreError
from vpp.store.dispatching import OverrideKind, add_override, records, save_grid

HOUR = timedelta(hours=1)


def newest_run(store):
    return store.load_run([r for r in records(store, HERE - HOUR, FAR) if r.run_id][-1].run_id)


def everything_changes(store, now):
    """Assets, grid, forecasts, readings and decisions, all after `now`; and a reading that comes late."""
    site, later = small_site(), now + HOUR
    bigger = [
        replace(u, asset=replace(u.asset, capacity_kwh=99.0)) if u.id == "battery-a" else u
        for u in site.units
        if u.id != "battery-b"
    ]
    registered(store, SimpleNamespace(units=bigger, grid=site.grid), later)
    store.retire(["battery-b"], later)
    save_grid(store, type(site.grid)(nodes=[{**site.grid.nodes[0], "import_limit_kw": 1.0}], market=site.grid.market,
                                     groups=()), later)  # fmt: skip
    store.save_forecast("price-sell", later + timedelta(minutes=1), HERE, STEP, np.full(96, 500.0), model="later")
    read_well(store, site, now - timedelta(seconds=1), soc=0.9)
    add_override(store, override(OverrideKind.LIMIT, "root", later, max_import_kw=0.1, max_export_kw=0.1))


@pytest.fixture
def run(store, clock):
    """Of an event: a limit, an excluded battery, and one that refused its order."""
    it = Planner(store, clock, ASSET_TYPES)
    it.tick()
    add_override(store, override(OverrideKind.LIMIT, "root", clock.now(), max_import_kw=1.5, max_export_kw=20.0))
    refused = next(s for s in store.setpoints(NOW) if s.asset_id == "battery-a")
    store.save_events([SetpointEvent(setpoint_id=refused.id, asset_id="battery-a", at=clock.now(),
                                     state=SetpointState.REJECTED, detail="no")])  # fmt: skip
    read_well(store, small_site(), clock.now(), soc=0.31)
    it.tick()
    found = newest_run(store)
    assert found.kind == "event" and found.inputs["by_itself"] == ["battery-a"]
    return found


def test_whatever_came_later_the_plan_comes_out_equal(store, run, clock):
    everything_changes(store, clock.now())
    made = rebuild(store, run, ASSET_TYPES)
    assert made.same_inputs and made.said == ()
    assert planning.inputs_hash(made.case, ASSET_TYPES) == run.inputs_hash
    again = make_again(made, ASSET_TYPES)
    assert again.equal and again.most_kw <= 1e-6
    assert again.sentences() == [f"made again: equal, {run.plan.label}, {run.plan.objective_eur:.2f} EUR"]


def test_the_written_case_reads_back_to_the_last_bit(store, run, clock, tmp_path):
    everything_changes(store, clock.now())
    write(rebuild(store, run, ASSET_TYPES), tmp_path / "case", ASSET_TYPES)
    assert planning.inputs_hash(load(tmp_path / "case", ASSET_TYPES), ASSET_TYPES) == run.inputs_hash


def test_with_what_was_known_later_it_says_what_differs(store, run, clock):
    everything_changes(store, clock.now())
    made = rebuild(store, run, ASSET_TYPES, clock.now() + 2 * HOUR)
    assert not made.same_inputs
    assert made.said == ("asset 'battery-b': was in the plan, and is not registered at that time",)
    again = make_again(made, ASSET_TYPES)
    assert not again.equal
    told = "\n".join(again.sentences())
    assert "differs" in told and f"cost: stored {run.plan.objective_eur:.2f} EUR" in told and "kW apart" in told


def test_a_forecast_that_was_written_late_does_not_pass_for_known(store, run, clock):
    # Issued before the plan, stored after it: its time alone would let it in.
    store.save_forecast("price-sell", clock.now() - QUARTER, HERE, STEP, np.full(96, 500.0), model="slow")
    made = rebuild(store, run, ASSET_TYPES)
    assert made.same_inputs
    assert not rebuild(store, run, ASSET_TYPES, clock.now() + QUARTER).same_inputs


def test_gaps_that_were_filled_are_filled_alike(store, clock):
    clock.at(NOW + timedelta(days=1, hours=20))  # forecasts end this midnight, the horizon reaches to the next
    it = Planner(store, clock, ASSET_TYPES)
    it.tick()
    run = newest_run(store)
    issue_day(store, clock.now(), 1)
    made = rebuild(store, run, ASSET_TYPES)
    assert made.same_inputs
    assert any("1 days before" in sentence for sentence in made.said)


def test_every_run_of_a_day_can_be_made_again(store, clock):
    # Each stored run is made again, or names the run that it continues.
    it, known = Planner(store, clock, ASSET_TYPES), set()
    for step in range(5):
        clock.at(NOW + step * QUARTER + timedelta(minutes=10 if step != 3 else 13))
        if step != 2:  # nobody planned in time
            read_well(store, small_site(), clock.now(), soc=0.2 + 0.1 * step)
            it.tick()
    for record in records(store, HERE - HOUR, FAR):
        if record.run_id and record.run_id not in known:
            known.add(record.run_id)
            run = store.load_run(record.run_id)
            if run.plan.label is Label.PREVIOUS:
                with pytest.raises(StoreError, match="nobody solved it, it is what was left of run"):
                    rebuild(store, run, ASSET_TYPES)
            else:
                assert rebuild(store, run, ASSET_TYPES).same_inputs
    assert len(known) >= 4


def test_a_run_without_its_inputs_is_refused(store, run):
    store.save_run(UUID(int=5), "study", run.plan, "abc", NOW)
    with pytest.raises(StoreError, match="what it was made from was not written down"):
        rebuild(store, store.load_run(UUID(int=5)), ASSET_TYPES)


def test_a_recipe_survives_being_written_down():
    issues = {"a": frozenset({NOW, NOW - HOUR}), "b": frozenset({NOW})}
    recipe = Recipe(known_at=NOW, issues=issues, states={"x": {"initial_soc": 1 / 3}}, by_itself=frozenset({"x"}),
                    caps=[{"id": "1", "target": "root", "max_import_kw": 0.1}])  # fmt: skip
    effort = Effort(gap=0.01, time_limit=4.0)
    assert from_plain(json.loads(json.dumps(as_plain(recipe, effort)))) == (recipe, effort)


def test_each_difference_is_named(store, run):
    other = replace(run.plan, label=Label.SAFE, objective_eur=run.plan.objective_eur + 1)
    told = Comparison(stored=run.plan, again=other, most_kw=0.5, where="battery-a").sentences()
    assert told[1] == f"  label: stored {run.plan.label}, now safe"
    assert "(+1.00 EUR; bound" in told[2]
    assert told[3] == "  power: up to 0.500 kW apart, at 'battery-a'"


def test_the_command_writes_the_case_and_optimise_reproduces_the_plan(store, run, clock, monkeypatch, tmp_path):
    everything_changes(store, clock.now())
    monkeypatch.setenv("VPP_DATABASE", store.database.dsn)

    def vpp(*words):
        done = CliRunner().invoke(app, [str(w) for w in words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    case, out = tmp_path / "case", tmp_path / "plan"
    told = vpp("plan", "show", run.run_id, "--rebuild", "--case", case)
    assert "the same to the last bit as the run's" in told and "made again: equal" in told
    command = next(line for line in told.splitlines() if line.startswith("  vpp optimise")).split()[1:]
    vpp(*command[:-1], out)
    reproduced = json.loads((out / "summary.json").read_text())
    assert reproduced["label"] == run.plan.label.value
    assert reproduced["objective_eur"] == pytest.approx(run.plan.objective_eur, abs=1e-6)
    shown = json.loads(
        vpp("plan", "show", run.run_id, "--as-of", (clock.now() + 2 * HOUR).isoformat(), "--rebuild", "--json")
    )
    assert shown["rebuilt"]["same_inputs"] is False and shown["rebuilt"]["again"]["equal"] is False
    refused = CliRunner().invoke(app, ["plan", "show", str(run.run_id), "--case", str(case)])
    assert refused.exit_code == 2 and "a new or an empty folder" in " ".join(refused.output.replace("│", " ").split())
