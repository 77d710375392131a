"""Where things of the project lie."""

from pathlib import Path

PROFILES = Path(__file__).resolve().parents[2] / "assets" / "profiles"
"""As `assets.PROFILES`, whose import brings all formulations along, and Pyomo with them: seconds for who needs none."""
