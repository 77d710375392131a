"""What a demo run can be told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from vpp.devices import Fault
from vpp.domain import Mistake, Mistakes
from vpp.operations.district import DEFAULT_DAY, MIN_ASSETS

__all__ = ["DEFAULT_DAY", "DemoOptions", "faults_of"]

LEAST_QUARTERS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    day: date = DEFAULT_DAY
    """Local delivery day; any that the price data cover."""
    assets: int = 72
    quarters: int = 12
    """Quarter-hours of the day that are carried out, from its start."""
    gap: float = 0.001
    """To prove for the day-ahead plan."""
    time_limit_s: float = 20.0
    """For the day-ahead plan."""
    replan_gap: float = 0.01
    """For a re-plan: its share of the day's cost is what a quarter-hour can still change."""
    replan_time_limit_s: float = 4.0
    faults: Mapping[str, Fault] = field(default_factory=dict[str, Fault])
    """Devices that misbehave, by asset id."""

    def mistakes(self) -> list[Mistake]:
        found = list[Mistake]()
        if self.assets < MIN_ASSETS:
            found.append(Mistake(where="demo", what="--assets", problem=f"{self.assets}; allowed: ≥ {MIN_ASSETS}"))
        if self.quarters < LEAST_QUARTERS:
            found.append(
                Mistake(where="demo", what="--quarters", problem=f"{self.quarters}; allowed: ≥ {LEAST_QUARTERS}")
            )
        return found


def faults_of(given: list[str]) -> dict[str, Fault]:
    """`battery-h01=silent` → a fault; raises Mistakes with all that are wrong."""
    faults, mistakes = dict[str, Fault](), list[Mistake]()
    for text in given:
        asset, _, kind = text.partition("=")
        if asset and kind in list(Fault):
            faults[asset] = Fault(kind)
        else:
            problem = f"'{text}'; allowed: ASSET=KIND, where KIND is {', '.join(Fault)}"
            mistakes.append(Mistake(where="demo", what="--fault", problem=problem))
    if mistakes:
        raise Mistakes(mistakes)
    return faults


def folder_problem(out: Path) -> str:
    """Why the run folder cannot be written; empty: it can."""
    if out.exists() and not out.is_dir():
        return f"{out} is a file; allowed: a folder"
    return ""
