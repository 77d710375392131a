"""Collects mistakes while a case is read, so that all of them are reported at once."""

from collections.abc import Collection, Sequence

from vpp.domain import Mistake, Mistakes, nearest

_COMPARISONS = 100_000
_LONGEST_NAME, _LONGEST_PLACE = 60, 4000


def quoted(value: object) -> str:
    """A value as it is shown in a sentence: in quotes, on one line, not endless."""
    return f"'{shown(value)}'"


def shown(value: object, longest: int = _LONGEST_NAME) -> str:
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text_of_value(value)[: longest + 1])
    return text if len(text) <= longest else f"{text[:longest]}…"


def text_of_value(value: object) -> str:
    try:
        return str(value)
    except ValueError:  # Python refuses to spell out whole numbers of more than some thousand digits
        return "a number without end"


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
        """`where` and `what` may hold anything that a file or a column can be called; the line stays one line."""
        self.mistakes.append(Mistake(where=shown(where, _LONGEST_PLACE), what=shown(what), problem=problem))

    def nearest(self, name: str, known: Collection[str]) -> str:
        """`; did you mean 'x'?`, as long as the search stays cheap."""
        self._comparisons -= len(known)
        return nearest(name, known) if self._comparisons >= 0 and len(name) <= _LONGEST_NAME else ""

    def raise_if_any(self) -> None:
        if self.mistakes:
            raise Mistakes(_in_order(self.mistakes))


def _in_order(mistakes: Sequence[Mistake]) -> list[Mistake]:
    """File by file as they were read; within a file by row, what concerns the whole of it first."""
    files = list(dict.fromkeys(_place(m.where)[0] for m in mistakes))
    rank = {file: n for n, file in enumerate(files)}

    def key(mistake: Mistake) -> tuple[int, int]:
        file, row = _place(mistake.where)
        return rank[file], row

    return sorted(mistakes, key=key)


def _place(where: str) -> tuple[str, int]:
    file, _, row = where.rpartition(":")
    return (file, int(row)) if file and row.isdecimal() else (where, 0)
