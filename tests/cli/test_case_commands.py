"""`vpp check` and `vpp optimise` as processes: exit codes, what a person reads, what a program reads."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cases.folders import battery, written
from tests.cli.run import ENVIRONMENT, ROOT, VPP, vpp
from vpp.cases import read_plan

MUSTERSTADT = ROOT / "data" / "musterstadt"


def test_check_says_what_a_case_holds():
    done = vpp("check", MUSTERSTADT)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "horizon: 2025-04-05T22:00Z to 2025-04-06T22:00Z, 96 steps of 15 min"
    assert "assets: 72 (" in done.stdout


def test_check_as_json(tmp_path, vpp_here):
    done = vpp_here("check", written(tmp_path), "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert found["mistakes"] == []
    assert found["assets"] == {"total": 5, "pv": 1, "battery": 1, "heat_pump": 1, "heat_demand": 1, "load": 1}
    assert found["horizon"]["steps"] == 4


def test_every_mistake_is_one_unwrapped_line_on_stderr(tmp_path, vpp_here):
    nodes = "id,carrier,parent,import_limit_kw,dump\ngrid,electricity,,,\nhouse,electricity,gird,,\nwarm,heat,,5,\n"
    folder = written(tmp_path, nodes=nodes, battery=battery(wear_eur_per_kwh="x"))
    lines = [
        "nodes.csv:3: parent: 'gird' is an unknown node; did you mean 'grid'?",
        "nodes.csv:4: import_limit_kw: a limit on a heat node; allowed: none",
        "battery.csv:2: wear_eur_per_kwh: 'x' is not a number; allowed: ≥ 0",
    ]
    before = sorted(p.name for p in folder.iterdir())
    assert vpp("check", folder).stderr.splitlines() == lines
    for command in (["check", folder], ["optimise", folder, "--out", tmp_path / "plan"]):
        done = vpp_here(*command)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.splitlines() == lines
        done = vpp_here(*command, "--json")
        assert done.returncode == 2
        assert [mistake["sentence"] for mistake in json.loads(done.stdout)["mistakes"]] == lines
        assert json.loads(done.stdout)["mistakes"][2] == {
            "where": "battery.csv:2", "what": "wear_eur_per_kwh", "problem": "'x' is not a number; allowed: ≥ 0",
            "sentence": lines[2],
        }  # fmt: skip
    assert sorted(p.name for p in folder.iterdir()) == before


def test_a_line_stays_whole_however_long_it_is(tmp_path):
    done = vpp("check", written(tmp_path, load=f"id,node,demand_kw\nl,{'house-' * 30},1\n"), COLUMNS="40")
    assert len(done.stderr.splitlines()) == 1


def test_a_terminal_that_cannot_show_a_character_still_gets_its_list(tmp_path):
    folder = written(tmp_path, battery=battery(id="süd→west", capacity_kwh="≥"))
    done = vpp("check", folder, "--json", PYTHONIOENCODING="ascii")
    assert done.returncode == 2
    assert json.loads(done.stdout)["mistakes"][0]["problem"] == "'≥' is not a number; allowed: ≥ 0"
    assert "Traceback" not in done.stderr


def test_rubbish_gives_a_list_and_no_traceback(tmp_path):
    rubbish = {"case.toml": b"\xff\xfe", "nodes.csv": b"", "battery.csv": b"\0" * 50, "x.parquet": b"PAR1"}
    for command in (["check"], ["optimise", "--out", tmp_path / "plan"]):
        done = vpp(command[0], written(tmp_path / "case", rubbish), *command[1:])
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert {line.split(":")[0] for line in done.stderr.splitlines()} == set(rubbish)
    assert not (tmp_path / "plan").exists()


def test_optimise_writes_a_plan_and_says_so(tmp_path):
    out = tmp_path / "plan"
    done = vpp("optimise", written(tmp_path / "case"), "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    first, *_, last = done.stdout.splitlines()
    assert re.fullmatch(r"optimal: -?\d+\.\d\d EUR, bound -?\d+\.\d\d EUR, gap \d\.\d{3} %, 5 assets, 4 steps", first)
    assert last == f"written to {out}"
    plan = read_plan(out)
    assert plan.label == "optimal"
    assert set(plan.power_kw) == {"roof", "store", "pump", "light"}
    assert set(plan.heat_kw) == {"pump", "flat"}


def test_optimise_as_json_is_the_summary(tmp_path, vpp_here):
    done = vpp_here(
        "optimise", written(tmp_path / "case"), "--out", tmp_path / "plan", "--json", "--method", "reference"
    )
    said, kept = json.loads(done.stdout), json.loads((tmp_path / "plan" / "summary.json").read_text())
    assert {**said, "seconds": None} == {**kept, "seconds": None}
    assert said["method"] == "reference"
    seconds = said["seconds"]
    assert set(seconds) >= {"start_up", "read", "compile", "build", "solve", "judge", "write", "total"}
    assert seconds["total"] >= seconds["start_up"] + seconds["read"] + seconds["solve"]


def test_what_cannot_be_kept_is_said_in_sentences(tmp_path, vpp_here):
    folder = written(tmp_path / "case", heat_demand="id,heat_node,demand_kw\nflat,warm,40\n")
    done = vpp_here("optimise", folder, "--out", tmp_path / "plan")
    assert done.returncode == 0
    assert done.stdout.startswith("relaxed: ")
    sentences = done.stdout.splitlines()[1:-1]
    assert len(sentences) == len(read_plan(tmp_path / "plan").violations) > 0
    assert "warm" in done.stdout


def test_a_plan_replaces_a_plan_and_nothing_else(tmp_path, vpp_here):
    folder, out = written(tmp_path / "case"), tmp_path / "plan"
    for _ in range(2):
        assert vpp_here("optimise", folder, "--out", out).returncode == 0
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("x")
    for other in (folder, tmp_path / "photos"):
        done = vpp_here("optimise", folder, "--out", other)
        assert (done.returncode, done.stdout) == (2, "")
        assert re.fullmatch(r"--out: .+; name another folder.*\n", done.stderr)
    assert (tmp_path / "photos" / "cat.jpg").exists()
    assert (folder / "case.toml").exists()


def test_a_plan_that_can_be_written_nowhere_is_refused_before_solving(tmp_path, vpp_here):
    folder = written(tmp_path / "case")
    for out in (folder / "case.toml" / "plan", "/proc/plan"):
        done = vpp_here("optimise", folder, "--out", out)
        assert (done.returncode, done.stdout) == (2, "")
        assert re.fullmatch(r"--out: .+\n", done.stderr)


def test_no_time_at_all_still_gives_a_plan(tmp_path, vpp_here):
    began = time.monotonic()
    done = vpp_here("optimise", MUSTERSTADT, "--out", tmp_path / "plan", "--time-limit", "0", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["label"] in ("feasible", "relaxed", "safe")
    assert time.monotonic() - began < 20


def test_the_time_limit_is_kept(tmp_path, vpp_here):
    done = vpp_here("optimise", MUSTERSTADT, "--out", tmp_path / "plan", "--time-limit", "1.5", "--gap", "0", "--json")
    seconds = json.loads(done.stdout)["seconds"]
    assert sum(seconds[phase] for phase in ("build", "solve", "judge")) < 1.5 + 1.0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["optimise", "case"], "Missing option '--out'"), (["check"], "Missing argument 'CASE'"),
     (["chek", "case"], "No such command 'chek'"), (["check", "case", "--jsn"], "No such option: --jsn"),
     (["optimise", "case", "--out", "p", "--gap", "-1"], "Invalid value for '--gap'"),
     (["optimise", "case", "--out", "p", "--gap", "nan"], "Invalid value for '--gap'"),
     (["optimise", "case", "--out", "p", "--time-limit", "soon"], "Invalid value for '--time-limit'"),
     (["optimise", "case", "--out", "p", "--method", "magic"], "--method 'magic' is not known; allowed: auto, exact"),
     (["check", "one", "two"], "Got unexpected extra argument(s) (two)"),
     (["check", "nowhere/at/all"], "nowhere/at/all: is not a folder that can be read: No such file or directory")],
)  # fmt: skip
def test_a_wrong_argument_is_answered_in_one_sentence(arguments, said, vpp_here):
    done = vpp_here(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_help_is_there_without_an_argument(vpp_here):
    done = vpp_here()
    assert done.returncode == 2
    assert "check" in done.stdout + done.stderr
    assert vpp_here("optimise", "--help").returncode == 0


@pytest.mark.parametrize("case", [MUSTERSTADT, "nowhere"])
def test_a_reader_who_leaves_early_sees_no_traceback(case):
    with subprocess.Popen(
        [VPP, "check", case], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
    ) as gone:
        assert gone.stdout and gone.stderr
        gone.stdout.close()
        if case == "nowhere":
            gone.stderr.close()
        said = b"" if gone.stderr.closed else gone.stderr.read()
        assert gone.wait(30) == 1
    assert said == b""


def cpu_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def test_ctrl_c_ends_with_130_and_no_plan(tmp_path):
    out = tmp_path / "plan"
    arguments = [VPP, "optimise", MUSTERSTADT, "--out", out, "--gap", "0", "--json"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    while "highspy" not in Path(f"/proc/{process.pid}/maps").read_text():
        time.sleep(0.05)
    begun = cpu_seconds(process.pid)
    while cpu_seconds(process.pid) < begun + 1.0:  # well inside the solve, which takes several seconds with this gap
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=20)
    assert (process.returncode, stdout, stderr) == (130, "", "interrupted\n")
    assert not out.exists()
    assert list(tmp_path.iterdir()) == []


HEAVY = ("prefect", "fastapi", "psycopg", "numba", "pymodbus", "pandas", "pvlib", "sqlalchemy")


@pytest.mark.parametrize("command", ["check", "optimise"])
def test_commands_load_only_what_they_need(tmp_path, command):
    arguments = ["vpp", command, str(written(tmp_path / "case"))]
    arguments += ["--out", str(tmp_path / "plan")] if command == "optimise" else []
    code = (
        f"import sys; sys.argv = {arguments!r}\n"
        "from vpp.cli import main\n"
        "try:\n    main()\n"
        f"finally:\n    print('loaded:', *[m for m in {HEAVY!r} if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT, cwd=ROOT
    )
    assert done.stdout.splitlines()[-1] == "loaded:"
