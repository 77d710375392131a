"""The real `vpp` command, as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VPP = Path(sys.executable).parent / "vpp"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "COLUMNS": "80", "NO_COLOR": "1"}


def vpp(*arguments: str | Path, timeout: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [VPP, *map(str, arguments)], capture_output=True, text=True, encoding="utf-8", timeout=timeout, check=False,
        cwd=ROOT, env={**ENVIRONMENT, **environment},
    )  # fmt: skip
