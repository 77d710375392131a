"""Every module can be imported first: no module needs another to have been imported before it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("vpp", "models", "assets", "flows")
OTHERS = """
import argon2, babel.messages, fastapi.openapi.models, fastapi.responses, highspy, httpx, jinja2, numba, numpy, pandas
import prefect, psycopg.types.json, psycopg_pool, pvlib, pyarrow.csv, pyarrow.parquet, pydantic, pydantic.v1
import pymodbus.client, pymodbus.server, xml.etree.ElementTree
import pyomo.environ, rich.console, rich.progress, scipy.optimize, scipy.sparse, serial, typer, yaml
"""
"""What others wrote is imported once: only our own modules are on trial."""
CHECK = """
import gc, importlib, os, sys
gc.freeze()
gc.disable()  # else each child walks through all that was imported before
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
    command = [sys.executable, "-c", f"{OTHERS}\nimport warnings; warnings.simplefilter('error')\n{CHECK}", *modules()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
    assert (done.stdout, done.returncode) == ("", 0), done.stderr
