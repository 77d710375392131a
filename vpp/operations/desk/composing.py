"""A study composed step by step: each step writes a piece of `study.toml`, which stays the one description of it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Piece:
    """A kind of change, and the lines that say it of three numbers or texts."""

    what: str
    """What `which` means: `like`, `type`, `node` or nothing."""
    lines: Callable[[str, float], list[str]]
    """(which, number)"""


def _number(value: float) -> str:
    return f"{value:g}" if abs(value) < 1e15 else repr(value)


PIECES: Mapping[str, Piece] = {
    "add": Piece("like", lambda which, n: ['do = "add"', f"like = {_text(which)}", f"count = {max(1, round(n))}"]),
    "remove": Piece(
        "type", lambda which, n: ['do = "remove"', f"type = {_text(which)}", f"share = {_number(n / 100)}"]
    ),
    "demand": Piece(
        "type",
        lambda which, n: ['do = "scale"', f"type = {_text(which)}", f'column = "{_column(which)}"',
                          f"factor = {_number(n / 100)}"],
    ),
    "limit": Piece("node", lambda which, n: ['do = "limit"', f"node = {_text(which)}", f"factor = {_number(n / 100)}"]),
    "price": Piece("", lambda _, n: ['do = "price"', f"factor = {_number(n / 100)}"]),
    "spread": Piece("", lambda _, n: ['do = "price"', f"spread = {_number(n / 100)}"]),
    "fee": Piece("", lambda _, n: ['do = "tariff"', f"grid_fee_eur_per_mwh = {_number(n * 10)}"]),
    "co2": Piece("", lambda _, n: ['do = "co2"', f"eur_per_t = {_number(n)}"]),
}  # fmt: skip
"""Numbers: how many, %, ct/kWh for the fee, EUR/t for CO2."""
SIZES: Mapping[str, str] = {
    "load": "demand_kw", "heat_demand": "demand_kw", "pv": "peak_kw", "wind": "peak_kw", "battery": "capacity_kwh",
    "heat_store": "capacity_kwh",
}  # fmt: skip
"""The column that scales with the size of an asset type."""


def base_of(
    name: str, base: str, first: date | None, last: date | None, *, every_days: int = 1, assets: int | None = None,
    operation: str = "daily", forecast: str = "perfect", gap: float = 0.005, seeds: int = 1,
) -> str:  # fmt: skip
    """The section that says what is studied and when."""
    lines = ["[study]", f"name = {_text(name)}", f"base = {_text(base)}"]
    lines += [f"assets = {assets}"] if assets else []
    lines += [f"first = {first.isoformat()}"] if first else []
    lines += [f"last = {last.isoformat()}"] if last else []
    lines += [f"every_days = {every_days}"] if every_days > 1 else []
    lines += [f"operation = {_text(operation)}", f"forecast = {_text(forecast)}", f"gap = {_number(gap)}"]
    lines += [f"seeds = [{', '.join(map(str, range(1, seeds + 1)))}]"] if seeds > 1 else []
    return "\n".join(lines) + "\n"


def with_variant(text: str, title: str, kind: str, which: str, number: float, yearly_cost_eur: float = 0.0) -> str:
    """The study with one more variant, or with one more change of the variant that has this title already."""
    name = slug(title)
    change = [f"[[variant.{name}.change]]", *PIECES[kind].lines(which, number)]
    if re.search(rf"^\[variant\.{re.escape(name)}\]\s*$", text, re.MULTILINE):
        return _after_variant(text, name, change)
    cost = [f"yearly_cost_eur = {_number(yearly_cost_eur)}"] if yearly_cost_eur else []
    head = [f"[variant.{name}]", f"title = {_text(title)}", *cost]
    return f"{text.rstrip()}\n\n" + "\n".join([*head, "", *change]) + "\n"


def _after_variant(text: str, name: str, change: list[str]) -> str:
    """Behind the last section of this variant, so that the pieces of one stand together."""
    lines, last = text.rstrip().splitlines(), 0
    mine = False
    for n, line in enumerate(lines):
        if line.startswith("["):
            mine = line.strip("[] ").split(".")[:2] == ["variant", name]
        if mine and line.strip():
            last = n
    return "\n".join([*lines[: last + 1], "", *change, *lines[last + 1 :]]) + "\n"


def slug(title: str) -> str:
    """`Sechs Speicher` → `sechs-speicher`: a name that a study file takes."""
    plain = title.lower().translate(str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}))
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40] or "variant"


def _column(type: str) -> str:
    return SIZES.get(type, "max_power_kw")


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", " ", escaped) + '"'
