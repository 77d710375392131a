"""How long the process took to start."""

import os
from pathlib import Path


def seconds_since_process_start() -> float:
    """From the creation of the process until now, s; 0 where the system does not tell (no /proc)."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
        up = float(Path("/proc/uptime").read_text().split()[0])
    except (OSError, IndexError, ValueError):
        return 0.0
    return max(0.0, up - ticks / os.sysconf("SC_CLK_TCK"))
