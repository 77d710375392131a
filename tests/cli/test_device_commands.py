"""Profile, assets and simulate commands as a user meets them, against a simulated site."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from vpp.cli import main
from vpp.devices import load_profiles
from vpp.devices.site import load_site

ROOT = Path(__file__).parents[2]
PROFILES = ROOT / "assets" / "profiles"
VPP = [sys.executable, "-c", "from vpp.cli import main; main()"]


def vpp(folder: Path, *args: str, code: int = 0) -> str:
    """What a command prints; `code` is how it must end."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
        patch.setenv("VPP_HOME", str(folder / "var"))
        patch.setenv("COLUMNS", "200")
        patch.setattr(sys, "argv", ["vpp", *args])
        with pytest.raises(SystemExit) as ended:
            main()
    assert (ended.value.code or 0) == code, said.getvalue()
    return said.getvalue()


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Path]:
    """A site file and its simulated devices in a process of their own; the battery forgets after 1 s."""
    folder = tmp_path_factory.mktemp("site")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "own").mkdir()
    text = (PROFILES / "battery.yaml").read_text(encoding="utf-8").replace("device_timeout: 60s", "device_timeout: 1s")
    (folder / "own" / "battery.yaml").write_text(text, encoding="utf-8")
    (folder / "site.yaml").write_text(
        f"""
site: village
allowed: [127.0.0.0/8]
profiles: own
devices:
  - {{id: b, profile: battery, host: 127.5.0.1, port: {port}, rating_kw: 10, writable: true}}
  - {{id: pv, profile: sunspec-inverter, host: 127.5.0.2, port: {port}, rating_kw: 10}}
  - {{id: m, profile: energy-meter, host: 127.5.0.3, port: {port}}}
""",
        encoding="utf-8",
    )
    command = [*VPP, "simulate", str(folder / "site.yaml")]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert "3 simulated devices of 'village'" in process.stdout.readline()
    yield folder
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    process.stdout.close()


def test_a_profile_is_checked_with_all_its_mistakes(tmp_path):
    assert "when we fall silent: after 60 s 0 kW" in vpp(tmp_path, "profile", "check", str(PROFILES / "battery.yaml"))
    found = json.loads(vpp(tmp_path, "profile", "check", str(PROFILES / "chp.yaml"), "--json"))
    assert found["when_silent"] == {"power_kw": "after 60 s own control"}
    wrong = (PROFILES / "battery.yaml").read_text(encoding="utf-8").replace("unit: degC", "unit: degF")
    (tmp_path / "wrong.yaml").write_text(wrong.replace("at: 121", "at: 120"), encoding="utf-8")
    said = vpp(tmp_path, "profile", "check", str(tmp_path / "wrong.yaml"), code=2)
    assert "'degF' is unknown" in said and "overlaps" in said


def test_a_profile_is_tried_on_a_device_and_on_the_wrong_one(served):
    site = load_site(served / "site.yaml", load_profiles(PROFILES))
    pv = site.devices[1]
    place = ["--host", pv.host, "--port", str(pv.port), "--rating-kw", "10"]
    found = json.loads(vpp(served, "profile", "try", str(PROFILES / "sunspec-inverter.yaml"), *place, "--json"))
    assert found["passed"] and found["probe_only"]
    said = vpp(served, "profile", "try", str(PROFILES / "sunspec-battery.yaml"), *place, code=1)
    assert "failed" in said
    elsewhere = ["--host", "192.0.2.1", "--allow", "127.0.0.0/8", "--rating-kw", "10"]
    said = vpp(served, "profile", "try", str(PROFILES / "battery.yaml"), *elsewhere, code=2)
    assert "outside the allowed networks" in said


def test_a_device_is_probed_and_commissioned_and_its_protocol_kept(served):
    site = str(served / "site.yaml")
    assert "Messwert power_kw" in vpp(served, "assets", "probe", site, "m", "--language", "de")
    said = vpp(served, "assets", "commission", site, "b", "--by", "A. Installer", "--no-database")
    assert "after 1 s 0 kW, as the profile says" in said
    (folder,) = (served / "var" / "commissioning" / "b").iterdir()
    assert {p.name for p in folder.iterdir()} == {
        "protocol.json", "protocol.de.txt", "protocol.de.html", "protocol.en.txt", "protocol.en.html",
    }  # fmt: skip
    kept = json.loads((folder / "protocol.json").read_text(encoding="utf-8"))
    assert kept["passed"] and kept["signed_by"] == "A. Installer"
    assert "did you mean" in vpp(served, "assets", "probe", site, "pvv", code=2)


def test_a_site_that_is_not_on_the_loopback_is_not_simulated(tmp_path):
    (tmp_path / "site.yaml").write_text(
        "site: x\nallowed: [192.0.2.0/24]\ndevices: [{id: m, profile: energy-meter, host: 192.0.2.1}]\n", "utf-8"
    )
    assert "is not simulated" in vpp(tmp_path, "simulate", str(tmp_path / "site.yaml"), code=2)


def test_status_without_a_service_says_how_to_start_one(tmp_path):
    assert "start it with: vpp field --site SITE" in vpp(tmp_path, "field", "status", code=1)
