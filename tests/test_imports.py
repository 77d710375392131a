"""Every module can be imported first: no module needs another to have been imported before it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("vpp", "models", "assets", "flows")
CHECK = """
import importlib, os, sys
for name in sys.argv[1:]:
    if (child := os.fork()) == 0:
        try:
            importlib.import_module(name)
        except BaseException as error:
            print(f"{name}: {type(error).__name__}: {error}", flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


def modules() -> list[str]:
    files = (f for package in PACKAGES for f in (ROOT / package).rglob("*.py"))
    names = (".".join(f.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for f in files)
    return sorted(n for n in names if not n.endswith("__main__"))


@pytest.mark.slow
def test_every_module_can_be_imported_first():
    heavy = "import numpy, pandas, scipy.sparse, pyomo.environ, highspy, pydantic, rich, typer, psycopg, pymodbus"
    command = [sys.executable, "-W", "error", "-c", f"{heavy}\n{CHECK}", *modules()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
    assert done.stdout == ""
