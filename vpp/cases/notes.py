"""Collects mistakes while a case is read, so that all of them are reported at once."""

from collections.abc import Collection

from vpp.domain import Mistake, Mistakes, nearest

_COMPARISONS = 100_000
_LONGEST_NAME = 60


def quoted(value: object) -> str:
    """A value as it is shown in a sentence: in quotes, on one line, not endless."""
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(value)[: _LONGEST_NAME + 1])
    return f"'{text}'" if len(text) <= _LONGEST_NAME else f"'{text[:_LONGEST_NAME]}…'"


class Bad:
    """What is wrong with a cell; an empty sentence where the mistake has been noted elsewhere."""

    __slots__ = ("problem",)

    def __init__(self, problem: str) -> None:
        self.problem = problem


class Notes:
    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []
        self._comparisons = _COMPARISONS

    def add(self, where: str, what: str, problem: str) -> None:
        self.mistakes.append(Mistake(where=where, what=what, problem=problem))

    def nearest(self, name: str, known: Collection[str]) -> str:
        """`; did you mean 'x'?`, as long as the search stays cheap."""
        self._comparisons -= len(known)
        return nearest(name, known) if self._comparisons >= 0 and len(name) <= _LONGEST_NAME else ""

    def noted(self, where: str, what: str) -> bool:
        return any(m.where == where and m.what == what for m in self.mistakes)

    def raise_if_any(self) -> None:
        if self.mistakes:
            raise Mistakes(self.mistakes)
