"""The command within the test's own process, where the process itself is not what is tested."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vpp.cli import main

Here = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def vpp_here(monkeypatch, capsys) -> Here:
    def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        monkeypatch.setattr(sys, "argv", ["vpp", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, int(str(end.value.code)), said.out, said.err)

    return run
