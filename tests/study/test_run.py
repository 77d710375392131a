"""Studies prove what they promise: nothing changes by itself, days add up, the same study gives the same bytes."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assets import ASSET_TYPES
from models.dispatch import Effort, optimise
from tests.study.build import PRICES, done, write_case, write_study
from vpp.cases import load
from vpp.domain import Mistakes
from vpp.milp import Templates
from vpp.operations.study import Chain, files, read_study, run_study
from vpp.operations.study.base import cut
from vpp.operations.study.run import Done, work
from vpp.operations.study.summary import summaries

TABLES = [f"{name}.parquet" for name in files.TABLES]


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Everything in a study's folder except the log, which alone knows the clock."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
            and p.name != "log.jsonl"}  # fmt: skip


def test_a_variant_equal_to_its_base_changes_nothing(tmp_path):
    write_case(tmp_path / "case", 2, final="0.2", limit="4")
    same = '[variant.same]\n[[variant.same.change]]\ndo = "scale"\ntype = "load"\ncolumn = "demand_kw"\nfactor = 1.0\n'
    out = done(write_study(tmp_path / "s.toml", same + "[variant.empty]\n"), tmp_path / "out")
    base, *others = summaries(out)
    assert len(others) == 2
    for other in others:
        assert repr(other.figures) == repr(base.figures)  # as text: own use without generation is not a number
        assert other.nodes == base.nodes and other.types == base.types and other.causes == base.causes
        assert other.figures["savings_eur"].mean == 0


def test_a_batterys_value_is_the_sum_of_its_days_when_nothing_couples_them(tmp_path):
    # Prices are positive, so it is sold empty every midnight: each day is a problem of its own.
    case = load(write_case(tmp_path / "case", 4), ASSET_TYPES)
    without = '[variant.without]\n[[variant.without.change]]\ndo = "remove"\ntype = "battery"\n'
    out = done(write_study(tmp_path / "s.toml", without), tmp_path / "out")
    templates, profits = Templates(), 0.0
    for day in range(4):
        alone = cut(case, 24 * day, 24)
        plan = optimise(alone, ASSET_TYPES, Effort(gap=0.0), templates=templates)
        load_eur = float(np.sum(2 * np.asarray(alone.market.buy_eur_per_mwh))) / 1000
        profits += load_eur - plan.objective_eur
    found = {s.name: s.figures["cost_eur"].mean for s in summaries(out)}
    assert profits > 1.0
    assert found["without"] - found["base"] == pytest.approx(profits, abs=1e-6)


def test_the_first_day_can_be_checked_by_hand(tmp_path):
    # 2 kW over the day's prices: 2 × 1030 / 1000 = 2.06 EUR without the battery.
    assert sum(PRICES) == 1030
    write_case(tmp_path / "case", 1)
    without = '[variant.without]\n[[variant.without.change]]\ndo = "remove"\nmatch = "b"\n'
    found = {s.name: s for s in summaries(done(write_study(tmp_path / "s.toml", without), tmp_path / "out"))}
    assert found["without"].figures["cost_eur"].mean == pytest.approx(2.06)
    assert found["without"].figures["import_kwh"].mean == pytest.approx(48)
    assert found["without"].figures["co2_location_t"].mean == pytest.approx(48 * 0.4 / 1000)
    assert found["without"].figures["self_sufficiency"].mean == pytest.approx(0)
    assert found["without"].figures["peak_import_kw"].mean == pytest.approx(2)


def test_the_state_is_carried_over_from_day_to_day(tmp_path):
    write_case(tmp_path / "case", 2, final="0.5")
    out = done(write_study(tmp_path / "s.toml"), tmp_path / "out")
    first, second = files.results(out, files.required_manifest(out))
    assert first.end["b"]["initial_soc"] == pytest.approx(0.5)
    assert second.end["b"]["initial_soc"] == pytest.approx(0.5)
    # The first day fills 5 kWh more than it gives back, the second gives back what it takes.
    drawn = [
        r.by_type["battery"]["drawn_kwh"] * 0.9 - r.by_type["battery"]["injected_kwh"] / 0.9 for r in (first, second)
    ]
    assert drawn == pytest.approx([5, 0], abs=1e-6)


def test_two_runs_with_one_seed_are_equal_to_the_byte(tmp_path):
    write_case(tmp_path / "case", 2, final="0.2")
    more = (
        '[variant.more]\n[[variant.more.change]]\ndo = "add"\nlike = "b"\ncount = 3\nat = ["house"]\n'
        "columns = { capacity_kwh = { uniform = [5, 15] } }\n"
    )
    path = write_study(tmp_path / "s.toml", more, 'forecast = "drawn"\noperation = "rolling"\nseeds = [7, 8]\n')
    one, two = done(path, tmp_path / "one"), done(path, tmp_path / "two")
    assert bytes_of(one) == bytes_of(two)
    figures = {s.name: s.figures["cost_eur"] for s in summaries(one)}
    assert figures["more"].low < figures["more"].high, "another seed draws other batteries and other errors"
    assert figures["more"].deviation > 0


class Interrupted:
    """Workers of which the third day is never done."""

    def __init__(self) -> None:
        self.count = 0

    def submit(self, job, before):
        from concurrent.futures import Future

        self.count += 1
        if self.count == 3:
            raise KeyboardInterrupt
        future: Future[Done] = Future()
        future.set_result(work(job, before))
        return future

    def renew(self) -> None: ...


def test_an_interrupted_study_goes_on_where_it_stopped_and_ends_the_same(tmp_path):
    write_case(tmp_path / "case", 3, final="0.2")
    path = write_study(tmp_path / "s.toml", "[variant.other]\n")
    whole = done(path, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run_study(read_study(path), tmp_path / "part", Interrupted(), ASSET_TYPES)
    there = {p: p.stat().st_mtime_ns for p in (tmp_path / "part").rglob("*.json")}
    assert 1 <= len(there) - 1 < 6
    done(path, tmp_path / "part")
    assert bytes_of(tmp_path / "part") == bytes_of(whole)
    assert all(p.stat().st_mtime_ns == at for p, at in there.items()), "finished days are not computed again"


def test_a_lost_workers_day_is_done_again(tmp_path):
    from concurrent.futures import Future
    from concurrent.futures.process import BrokenProcessPool

    class Losing:
        renewed = 0

        def submit(self, job, before):
            future: Future[Done] = Future()
            if not self.renewed:
                future.set_exception(BrokenProcessPool("a process died"))
            else:
                future.set_result(work(job, before))
            return future

        def renew(self):
            self.renewed += 1

    write_case(tmp_path / "case", 1)
    path = write_study(tmp_path / "s.toml")
    pool = Losing()
    run_study(read_study(path), tmp_path / "out", pool, ASSET_TYPES)
    assert pool.renewed == 1
    assert bytes_of(tmp_path / "out") == bytes_of(done(path, tmp_path / "whole"))


def test_a_folder_of_another_study_is_refused(tmp_path):
    write_case(tmp_path / "case", 1)
    out = done(write_study(tmp_path / "s.toml"), tmp_path / "out")
    with pytest.raises(Mistakes, match="other inputs"):
        done(write_study(tmp_path / "s.toml", "[variant.more]\n"), out)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    with pytest.raises(Mistakes, match="holds other files"):
        done(write_study(tmp_path / "s.toml"), tmp_path / "full")


def test_the_tables_hold_every_step_of_every_day(tmp_path):
    write_case(tmp_path / "case", 2)
    out = done(write_study(tmp_path / "s.toml", "[variant.other]\n"), tmp_path / "out")
    steps = pd.read_parquet(out / "steps.parquet")
    assert len(steps) == 2 * 2 * 24
    assert steps["buy_eur_per_mwh"].head(24).tolist() == pytest.approx(PRICES)
    manifest = files.required_manifest(out)
    assert set(manifest) >= {"model", "inputs", "seeds"} and len(manifest["model"]["source"]) == 64


@pytest.mark.slow
def test_killed_and_resumed_is_equal_to_uninterrupted(tmp_path):
    days = 8
    write_case(tmp_path / "case", days, final="0.2", limit="4")
    path = write_study(tmp_path / "s.toml", "[variant.other]\n", 'forecast = "drawn"\n')
    vpp = str(Path(sys.executable).with_name("vpp"))
    command = [vpp, "study", "run", str(path), "--workers", "2", "--out"]
    whole, part = tmp_path / "whole", tmp_path / "part"
    subprocess.run([*command, str(whole)], check=True, capture_output=True, timeout=240)
    process = subprocess.Popen([*command, str(part)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True)  # fmt: skip
    until = datetime.now(UTC) + timedelta(seconds=120)
    while len(list(part.glob("days/*/*.json"))) < 3 and datetime.now(UTC) < until:
        time.sleep(0.005)
    workers = workers_of(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    while any(map(is_there, workers)) and datetime.now(UTC) < until:
        time.sleep(0.05)
    assert len(workers) == 2 and not any(map(is_there, workers)), "workers end with whoever started them"
    count = sum(files.finished(part, Chain(variant=v, seed=1), dates(days)) for v in ("base", "other"))
    assert 3 <= count < 2 * days, "it was killed in the middle"
    subprocess.run([*command, str(part)], check=True, capture_output=True, timeout=240)
    left = {k: v for k, v in bytes_of(part).items() if not Path(k).name.startswith(".")}
    assert left == bytes_of(whole)


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced(tmp_path):
    write_case(tmp_path / "case", 8, final="0.2", limit="4")
    path = write_study(tmp_path / "s.toml", "[variant.other]\n")
    whole, lost = done(path, tmp_path / "whole"), tmp_path / "lost"
    vpp = str(Path(sys.executable).with_name("vpp"))
    process = subprocess.Popen([vpp, "study", "run", str(path), "--workers", "2", "--out", str(lost)],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)  # fmt: skip
    until, workers = datetime.now(UTC) + timedelta(seconds=120), list[int]()
    while not (workers and len(list(lost.glob("days/*/*.json"))) >= 2) and datetime.now(UTC) < until:
        workers = workers_of(process.pid)
        time.sleep(0.005)
    os.kill(workers[0], signal.SIGKILL)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert bytes_of(lost) == bytes_of(whole)


def workers_of(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(p) for p in children if "spawn_main" in Path(f"/proc/{p}/cmdline").read_text()]


def is_there(pid):
    """And no zombie that nobody waits for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def dates(days):
    from datetime import date

    return [date(2025, 2, 2) + timedelta(n) for n in range(days)]


def test_what_is_left_in_a_store_is_told(tmp_path):
    write_case(tmp_path / "case", 2, final="0.5")
    out = done(write_study(tmp_path / "s.toml"), tmp_path / "out")
    (base,) = summaries(out)
    assert base.figures["battery_left_kwh"].mean == pytest.approx(5)
    assert base.figures["heat_left_kwh"].mean == 0


@pytest.mark.parametrize("operation", ["daily", "rolling", "rules"])
def test_with_drawn_errors_every_operation_serves_a_district(tmp_path, operation):
    # A day of 92 quarter-hours, with heat pumps, CHP, boiler and stores.
    (tmp_path / "s.toml").write_text(
        '[study]\nname = "x"\nbase = "musterstadt"\nassets = 24\nfirst = 2025-03-30\nlast = 2025-03-30\n'
        f'forecast = "drawn"\noperation = "{operation}"\nreplan_h = 12\n'
    )
    (base,) = summaries(done(tmp_path / "s.toml", tmp_path / "out"))
    assert base.figures["heat_not_served_kwh"].mean == 0 and base.figures["limit_broken_kwh"].mean == 0
    assert np.isnan(base.figures["gap_eur"].mean), "what devices did has no bound"
    assert len(pd.read_parquet(tmp_path / "out" / "steps.parquet")) == 92


def test_planning_is_cheaper_than_rules(tmp_path):
    (tmp_path / "s.toml").write_text(
        '[study]\nname = "x"\nbase = "musterstadt"\nassets = 24\nfirst = 2025-04-06\nlast = 2025-04-06\n'
        '[variant.rules]\noperation = "rules"\n'
    )
    base, rules = summaries(done(tmp_path / "s.toml", tmp_path / "out"))
    assert base.figures["cost_eur"].mean < rules.figures["cost_eur"].mean
    assert base.figures["bound_eur"].mean <= base.figures["minimised_eur"].mean
