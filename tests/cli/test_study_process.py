"""`vpp study` as a user runs it: the tutorial's own commands, mistakes, JSON, a cluster."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.study.build import write_case, write_study

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs/tutorials/first-study.md"
VPP = str(Path(sys.executable).with_name("vpp"))

pytestmark = pytest.mark.slow


def vpp(*arguments, folder=ROOT, timeout=240, **environment):
    return subprocess.run([VPP, *arguments], cwd=folder, capture_output=True, text=True, timeout=timeout, check=False,
                          env={**os.environ, **environment})  # fmt: skip


def tutorial_commands():
    blocks = re.findall(r"^```sh\n(.*?)^```", TUTORIAL.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith(".venv/bin/vpp ")]


def test_the_commands_of_the_tutorial_lead_to_a_report(tmp_path):
    commands = tutorial_commands()
    assert len(commands) == 5
    shutil.copytree(ROOT / "data/studies", tmp_path / "data/studies")
    said = {}
    for command in commands:
        done = vpp(*shlex.split(command)[1:], folder=tmp_path)
        assert done.returncode == 0, (command, done.stderr)
        said[shlex.split(command)[2]] = done.stdout
    assert "4 of 4 days done" in said["status"] and "complete" in said["status"]
    assert "Total with investment" in said["compare"] and "investment +29.59" in said["compare"]
    for language in ("de", "en"):
        assert "Batteries for Musterstadt" in (tmp_path / f"out/batteries/report-{language}.html").read_text("utf-8")


def test_mistakes_end_with_2_and_are_listed_as_json(tmp_path):
    write_case(tmp_path / "case", 1)
    path = write_study(tmp_path / "s.toml", study='forecast = "perfekt"\nfoo = 1\n')
    done = vpp("study", "run", str(path), "--out", str(tmp_path / "out"), "--json")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert {m["what"] for m in json.loads(done.stdout)["mistakes"]} == {"study.forecast", "study.foo"}
    assert not (tmp_path / "out").exists()
    done = vpp("study", "compare", str(tmp_path / "nothing"))
    assert done.returncode == 2 and "holds no study" in done.stderr


def test_a_comparison_as_json_and_a_pdf_or_the_reason_why_not(tmp_path):
    write_case(tmp_path / "case", 1, limit="3")
    path = write_study(
        tmp_path / "s.toml", '[variant.w]\n[[variant.w.change]]\ndo = "limit"\nnode = "house"\nfactor = 2\n'
    )
    out = tmp_path / "out"
    assert vpp("study", "run", str(path), "--out", str(out), "--workers", "1").returncode == 0
    found = json.loads(vpp("study", "compare", str(out), "--json").stdout)
    assert [v["name"] for v in found["variants"]] == ["base", "w"] and found["limits"][0]["node"] == "house"
    done = vpp("study", "report", str(out), "--pdf")
    if done.returncode:
        assert "no PDF: " in done.stderr and "Traceback" not in done.stderr
    else:
        assert (out / "report-de.pdf").read_bytes().startswith(b"%PDF")


def test_a_dask_cluster_gives_the_same_numbers(tmp_path):
    pytest.importorskip("prefect_dask")
    write_case(tmp_path / "case", 2, final="0.2")
    path = write_study(tmp_path / "s.toml", "[variant.other]\n")
    one, two = tmp_path / "one", tmp_path / "two"
    assert vpp("study", "run", str(path), "--out", str(one), "--workers", "1").returncode == 0
    done = vpp("study", "run", str(path), "--out", str(two), "--workers", "2", "--dask", "local",
               VPP_HOME=str(tmp_path / "home"))  # fmt: skip
    assert done.returncode == 0, done.stderr
    for table in ("days", "steps", "causes"):
        assert (one / f"{table}.parquet").read_bytes() == (two / f"{table}.parquet").read_bytes()
    assert len(pd.read_parquet(two / "days.parquet")) == 4


def test_a_lost_worker_of_a_dask_cluster_is_replaced_and_its_day_done_again(tmp_path):
    pytest.importorskip("prefect_dask")
    write_case(tmp_path / "case", 8, final="0.2", limit="4")
    path = write_study(tmp_path / "s.toml", "[variant.other]\n")
    whole, lost = tmp_path / "whole", tmp_path / "lost"
    assert vpp("study", "run", str(path), "--out", str(whole), "--workers", "1").returncode == 0
    process = subprocess.Popen(
        [VPP, "study", "run", str(path), "--out", str(lost), "--workers", "2", "--dask", "local"], cwd=ROOT,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "VPP_HOME": str(tmp_path / "home")},
    )  # fmt: skip
    until = time.monotonic() + 180
    while len(list(lost.glob("days/*/*.json"))) < 3 and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    workers = [pid for pid in descendants(process.pid) if "spawn_main" in said_by(pid)]
    assert len(workers) == 2, "both workers of the cluster are there"
    os.kill(workers[0], signal.SIGKILL)
    count = len(list(lost.glob("days/*/*.json")))
    _, said = process.communicate(timeout=180)
    assert process.returncode == 0, said
    assert count < 16, "it was lost in the middle"
    for table in ("days", "steps", "causes"):
        assert (whole / f"{table}.parquet").read_bytes() == (lost / f"{table}.parquet").read_bytes()


def descendants(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *descendants(child)]
    return found


def said_by(pid):
    return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
