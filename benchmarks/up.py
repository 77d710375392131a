"""How long a newcomer waits for a living city: `vpp up --demo` from an empty folder; prints JSON.

    .venv/bin/python benchmarks/up.py

`up.alive_s`: seconds of the wall from the command to a plan with orders, told by the API. `up.cpu_s`: of the
processors, all its processes until it is down again. The packages are installed, and what Python compiles is there.
"""

import argparse
import json
import resource
import shutil
import tempfile
import time
from pathlib import Path

from tests.web import platform


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--speed", default="60")
    arguments.add_argument("--assets", default="72")
    arguments.add_argument("--patience", type=float, default=300.0, help="seconds until it is given up")
    a = arguments.parse_args()
    platform.PATIENCE_S = a.patience
    home = Path(tempfile.mkdtemp(prefix="vpp-up-", dir="/var/tmp"))
    home.chmod(0o755)
    try:
        began = time.monotonic()
        with platform.demo(home, speed=a.speed, assets=a.assets) as up:
            alive_s = time.monotonic() - began
            told = up.api("GET", "/status")
    finally:
        shutil.rmtree(home, ignore_errors=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = {"assets": int(a.assets), "speed": float(a.speed), "up.alive_s": round(alive_s, 1),
             "up.cpu_s": round(used.ru_utime + used.ru_stime, 1),
             "says": {part["name"]: part["saying"] for part in told["says"]}}  # fmt: skip
    print(json.dumps(found, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
