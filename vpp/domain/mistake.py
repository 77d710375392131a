"""Mistakes in what somebody gave us: all of them at once, one sentence each."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """Where, what, the value, what is allowed."""

    where: str
    """File, with `:row` when one row is meant (the header is row 1): `battery.csv:2`."""
    what: str
    """Column, key or object; may be empty."""
    problem: str
    """What is wrong, with the value, and what is allowed; in English."""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.what, self.problem) if part)


class Mistakes(ValueError):
    """Raised once, with every mistake that was found."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = list(mistakes)
        super().__init__("\n".join(map(str, self.mistakes)))


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for a misspelt name, or nothing; capitals count for nothing."""
    by_lower = {other.lower(): other for other in known}
    close = get_close_matches(name.lower(), list(by_lower), n=1)
    return f"; did you mean '{by_lower[close[0]]}'?" if close else ""
