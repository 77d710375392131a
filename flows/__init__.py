"""Prefect around operations: schedule, retries, concurrency. No logic.

Prefect reads its environment when it is imported, which happens in the modules of this package only: so it is set here.
It stays quiet and offline, and keeps its state below the platform's home.
"""

import os
from pathlib import Path

from vpp.settings import settings

_QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_UI_V2_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
}


def home_of(platform: Path) -> Path:
    """The home of a platform's standing server and its runs, for this process and its children; before any import."""
    place = platform / "prefect"
    place.mkdir(parents=True, exist_ok=True)
    os.environ["PREFECT_HOME"] = str(place)
    return place


home = settings().home / "prefect"
for _name, _value in {**_QUIET, "PREFECT_HOME": str(home)}.items():
    os.environ.setdefault(_name, _value)
# Prefect makes only the last level of its home.
home.mkdir(parents=True, exist_ok=True)
