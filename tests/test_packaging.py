"""Files for servers say only what there is."""

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

PACKAGING = Path(__file__).resolve().parents[1] / "packaging"
UNIT, COMPOSE = PACKAGING / "systemd/vpp.service", PACKAGING / "compose/compose.yaml"
SERVICE_KEYS = {"image", "build", "command", "environment", "secrets", "volumes", "ports", "depends_on", "restart",
                "healthcheck", "stop_grace_period"}  # fmt: skip
"""Of the Compose specification, those that are used."""


def unit():
    found = configparser.ConfigParser(strict=False, interpolation=None)
    found.optionxform = str
    found.read_string(UNIT.read_text())
    return found


def settings_known():
    return set(re.findall(r"VPP_[A-Z_]+", (PACKAGING.parent / "vpp/settings.py").read_text()))


def command_exists(words):
    import typer

    from vpp.cli.app import app

    command = typer.main.get_command(app).commands[words[1]]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_the_unit_starts_and_ends_the_platform_with_time_to_release_orders():
    service = unit()["Service"]
    command_exists(shlex.split(service["ExecStart"]))
    command_exists(shlex.split(service["ExecStop"]))
    assert service["KillMode"] == "mixed" and int(service["TimeoutStopSec"]) >= 90
    assert service["Restart"] == "always"


def test_settings_that_are_given_exist():
    named = set(re.findall(r"VPP_[A-Z_]+", "".join(p.read_text() for p in PACKAGING.rglob("*") if p.is_file())))
    assert named and named <= settings_known()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong(tmp_path):
    text = re.sub(r"/opt/vpp/\.venv/bin/vpp", "/bin/true", UNIT.read_text()).replace("User=vpp", "User=daemon")
    (tmp_path / "vpp.service").write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", str(tmp_path / "vpp.service")], capture_output=True, text=True)
    ours = [line for line in done.stderr.splitlines() if "vpp.service" in line]
    assert ours == []


def test_the_compose_file_names_only_what_it_declares():
    found = yaml.safe_load(COMPOSE.read_text())
    for service in found["services"].values():
        assert service.keys() <= SERVICE_KEYS and ("image" in service) != ("build" in service)
        assert set(service.get("secrets", [])) <= found["secrets"].keys()
        assert {v.split(":")[0] for v in service.get("volumes", [])} <= found["volumes"].keys()
        assert set(service.get("depends_on", {})) <= found["services"].keys()
    assert all(port.startswith("127.0.0.1:") for port in found["services"]["platform"]["ports"])
    command_exists(found["services"]["platform"]["command"])
    build = found["services"]["platform"]["build"]
    context = (COMPOSE.parent / build["context"]).resolve()
    assert (context / build["dockerfile"]).is_file() and (context / "pyproject.toml").is_file()


def test_the_image_is_built_from_what_there_is_and_starts_as_the_compose_file_does():
    text = (COMPOSE.parent / "Dockerfile").read_text()
    words = shlex.split(text)
    assert (PACKAGING.parent / words[words.index("-c") + 1]).is_file()
    command = re.search(r"^CMD (\[.*\])$", text, re.MULTILINE)
    assert command is not None
    assert yaml.safe_load(command[1]) == yaml.safe_load(COMPOSE.read_text())["services"]["platform"]["command"]


def test_the_guide_names_files_that_exist():
    guide = (PACKAGING.parent / "docs/how-to/run-the-platform.md").read_text()
    named = set(re.findall(r"packaging/[\w./-]+\.\w+", guide))
    assert {"packaging/systemd/vpp.service", "packaging/compose/compose.yaml"} <= named
    assert [path for path in sorted(named) if not (PACKAGING.parent / path).is_file()] == []
