"""Where the shipped data lie. The only place that knows; every reader takes the folder as an argument."""

from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "data"
