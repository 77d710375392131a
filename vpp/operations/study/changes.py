"""A variant's changes, applied to the rows of a case. The same seed draws the same assets on every day."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from vpp.cases import Tables
from vpp.cases.units import attachments
from vpp.domain import MARKET_ZONE, AssetType, Horizon, Mistake, Mistakes, nearest
from vpp.domain.columns import Kind, column_of, columns_of
from vpp.operations.study.base import Climate
from vpp.operations.study.study import Variant
from vpp.operations.study.wishes import (
    Add,
    Co2,
    Distribution,
    Limit,
    Price,
    Remove,
    Scale,
    Set,
    Tariff,
    Value,
    Weather,
)  # fmt: skip

Row = dict[str, Any]
BUNDLED = ("heat_pump",)
"""Types that bring their store and their demand along when they are added."""


def climate_of(variant: Variant) -> Climate:
    year = next((c.year for c in variant.changes if isinstance(c, Price) and c.year is not None), None)
    region = next((c.region for c in variant.changes if isinstance(c, Weather)), None)
    return Climate(price_year=year, region=region)


def apply(tables: Tables, variant: Variant, seed: int, file: str, asset_types: Mapping[str, AssetType]) -> Tables:
    """The case with the variant's changes, in their order. Raises `Mistakes` with every change that cannot be made."""
    draft = _Draft(tables, variant, file, asset_types)
    for n, change in enumerate(variant.changes):
        draft.at = f"variant.{variant.name}.change.{n}"
        draft.rng = np.random.default_rng([seed, n])
        draft.make(change)
    if draft.mistakes:
        raise Mistakes(draft.mistakes)
    return Tables(tables={k: v for k, v in draft.rows.items() if v}, market=draft.market, horizon=tables.horizon,
                  penalties=tables.penalties, series=tables.series)  # fmt: skip


class _Draft:
    """The rows while they are changed."""

    def __init__(self, tables: Tables, variant: Variant, file: str, asset_types: Mapping[str, AssetType]) -> None:
        self.rows = {stem: [dict(row) for row in rows] for stem, rows in tables.tables.items()}
        self.market = dict(tables.market)
        self.horizon, self.types, self.file = tables.horizon, asset_types, file
        self.mistakes: list[Mistake] = []
        self.at = ""
        self.rng = np.random.default_rng(0)

    def make(self, change: Any) -> None:
        match change:
            case Add():
                self._add(change)
            case Remove():
                self._remove(change)
            case Scale() | Set():
                self._edit(change)
            case Tariff():
                self._tariff(change)
            case Price():
                self._price(change)
            case Limit():
                self._limit(change)
            case Co2():
                self._co2(change)
            case _:
                pass  # Weather is the base's own

    def wrong(self, key: str, problem: str) -> None:
        self.mistakes.append(Mistake(where=self.file, what=f"{self.at}.{key}", problem=problem))

    # Assets

    def _matching(self, type: str | None, pattern: str) -> Iterator[tuple[str, Row]]:
        for kind in self.types:
            if type in (None, kind):
                yield from ((kind, row) for row in self.rows.get(kind, []) if fnmatchcase(row["id"], pattern))

    def _known_type(self, type: str) -> bool:
        if type in self.types:
            return True
        self.wrong("type", f"'{type}' is no asset type; allowed: {', '.join(self.types)}{nearest(type, self.types)}")
        return False

    def _known_column(self, type: str, name: str, key: str) -> bool:
        known = columns_of(self.types[type].nameplate, self.types[type].outlook)
        if name in known:
            return True
        self.wrong(key, f"'{name}' is no column of {type}; allowed: {', '.join(known)}{nearest(name, known)}")
        return False

    def _found(self, type: str | None, pattern: str, key: str) -> list[tuple[str, Row]]:
        found = list(self._matching(type, pattern))
        if not found:
            ids = [row["id"] for _, row in self._matching(type, "*")]
            kind = f"{type} " if type else ""
            self.wrong(key, f"no {kind}asset matches '{pattern}'; there are {len(ids)}{nearest(pattern, ids)}")
        return found

    def _add(self, change: Add) -> None:
        patterns = self._found(None, change.like, "like")
        nodes = self._places(change)
        if not patterns or not nodes:
            return
        kinds = {kind for kind, _ in patterns}
        for name in change.columns:
            for kind in kinds:
                self._known_column(kind, name, f"columns.{name}")
        taken = {row["id"] for _, row in self._matching(None, "*")}
        taken |= {row["id"] for row in self.rows.get("nodes", [])}
        order: list[str] = []
        width = len(str(change.count))
        for n in range(change.count):
            kind, pattern = patterns[int(self.rng.integers(len(patterns)))]
            if not order:
                order = [nodes[i] for i in self.rng.permutation(len(nodes))]
            row, place = dict(pattern), order.pop()
            row["id"] = _free(f"{change.name}-{kind.replace('_', '-')}-{n + 1:0{width}}", taken)
            if "node" in row:
                row["node"] = place
            for name, value in change.columns.items():
                row[name] = self._drawn(name, value, row)
            bundled = change.with_heat if change.with_heat is not None else kind in BUNDLED
            if bundled and "heat_node" in row:
                self._own_heat(row, pattern["heat_node"], pattern["id"], taken)
            self.rows.setdefault(kind, []).append(row)
            for attached in attachments(self.types[kind]).values():
                own = [r for r in self.rows.get(attached.file, []) if r[attached.by] == pattern["id"]]
                self.rows.setdefault(attached.file, []).extend({**r, attached.by: row["id"]} for r in own)

    def _places(self, change: Add) -> list[str]:
        nodes = [r["id"] for r in self.rows.get("nodes", []) if str(r["carrier"]) == "electricity"]
        chosen: list[str] = []
        for pattern in change.at:
            found = [n for n in nodes if fnmatchcase(n, pattern)]
            if not found:
                self.wrong(
                    "at", f"no electricity node matches '{pattern}'; there are {len(nodes)}{nearest(pattern, nodes)}"
                )
            chosen += [n for n in found if n not in chosen]
        return chosen

    def _drawn(self, name: str, value: Value, row: Mapping[str, Any]) -> Any:
        if not isinstance(value, Distribution):
            return value
        if value.of is not None and value.times is not None:
            base = row.get(value.of)
            if not isinstance(base, int | float):
                self.wrong(f"columns.{name}.of", f"'{value.of}' is no number of this asset")
                return 0.0
            return float(base) * value.times
        if value.choice:
            return float(value.choice[int(self.rng.integers(len(value.choice)))])
        if value.uniform:
            return round(float(self.rng.uniform(*value.uniform)), 3)
        assert value.normal
        drawn = float(self.rng.normal(*value.normal))
        low, high = value.low if value.low is not None else -np.inf, value.high if value.high is not None else np.inf
        return round(min(max(drawn, low), high), 3)

    def _own_heat(self, row: Row, heat_node: str, pattern_id: str, taken: set[str]) -> None:
        """Copies of what else is at the heat node, at a heat node of its own."""
        node = _free(f"heat-{row['id']}", taken)
        source = next(n for n in self.rows["nodes"] if n["id"] == heat_node)
        self.rows["nodes"].append({**source, "id": node})
        row["heat_node"] = node
        for kind in self.types:
            for other in list(self.rows.get(kind, [])):
                if other.get("heat_node") == heat_node and other["id"] != pattern_id and "node" not in other:
                    id = _free(f"{row['id']}-{kind.replace('_', '-')}", taken)
                    self.rows[kind].append({**other, "id": id, "heat_node": node})

    def _remove(self, change: Remove) -> None:
        if change.type is not None and not self._known_type(change.type):
            return
        found = self._found(change.type, change.match, "match")
        count = round(change.share * len(found))
        chosen = {found[i][1]["id"] for i in self.rng.permutation(len(found))[:count]}
        for kind in self.types:
            self.rows[kind] = [row for row in self.rows.get(kind, []) if row["id"] not in chosen]
        self.rows["groups"] = [row for row in self.rows.get("groups", []) if row["asset"] not in chosen]
        gone = {c["id"] for c in self.rows.get("caps", []) if c["target"] in chosen}
        self.rows["caps"] = [c for c in self.rows.get("caps", []) if c["id"] not in gone]
        for kind in self.types.values():
            for a in attachments(kind).values():
                self.rows[a.file] = [row for row in self.rows.get(a.file, []) if row[a.by] not in chosen]

    def _edit(self, change: Scale | Set) -> None:
        if not self._known_type(change.type) or not self._known_column(change.type, change.column, "column"):
            return
        columns = columns_of(self.types[change.type].nameplate, self.types[change.type].outlook)
        kind = column_of(columns[change.column]).kind
        for _, row in self._found(change.type, change.match, "match"):
            if isinstance(change, Set):
                row[change.column] = change.value
            elif kind not in (Kind.NUMBER, Kind.SERIES):
                self.wrong("column", f"'{change.column}' is no number; allowed: a column of numbers")
                return
            elif row.get(change.column) is not None:
                row[change.column] = row[change.column] * change.factor

    # Market and grid

    def _per_step(self, name: str) -> np.ndarray:
        value = self.market.get(name)
        return np.broadcast_to(np.asarray(0.0 if value is None else value, dtype=float), self.horizon.steps).copy()

    def _tariff(self, change: Tariff) -> None:
        if change.grid_fee_eur_per_mwh is not None:
            self.market["grid_fee_eur_per_mwh"] = change.grid_fee_eur_per_mwh
        fee = self._per_step("grid_fee_eur_per_mwh")
        for hours, value in change.by_hour.items():
            span = _hours(hours)
            if span is None:
                self.wrong(f"by_hour.{hours}", "is no span of local hours; allowed: '17-20', '22-6'")
                continue
            fee[_inside(self.horizon, *span)] = value
        if change.by_hour:
            self.market["grid_fee_eur_per_mwh"] = fee
        self.market["buy_eur_per_mwh"] = self._per_step("buy_eur_per_mwh") + change.buy_add_eur_per_mwh
        self.market["sell_eur_per_mwh"] = self._per_step("sell_eur_per_mwh") + change.sell_add_eur_per_mwh

    def _price(self, change: Price) -> None:
        """The margin between buying and selling stays as it is."""
        buy, sell = self._per_step("buy_eur_per_mwh"), self._per_step("sell_eur_per_mwh")
        mean = float(sell.mean())
        moved = change.factor * (mean + change.spread * (sell - mean)) + change.add_eur_per_mwh
        self.market["sell_eur_per_mwh"] = moved
        self.market["buy_eur_per_mwh"] = moved + (buy - sell)

    def _limit(self, change: Limit) -> None:
        nodes = [r for r in self.rows.get("nodes", []) if str(r["carrier"]) == "electricity"]
        found = [r for r in nodes if fnmatchcase(r["id"], change.node)]
        if not found:
            ids = [r["id"] for r in nodes]
            self.wrong("node", f"no electricity node matches '{change.node}'{nearest(change.node, ids)}")
        for row in found:
            for name in ("import_limit_kw", "export_limit_kw"):
                if change.factor is not None and row.get(name) is not None:
                    row[name] = row[name] * change.factor
                elif (given := getattr(change, name)) is not None:
                    row[name] = given

    def _co2(self, change: Co2) -> None:
        if change.eur_per_t is not None:
            self.market["co2_eur_per_t"] = change.eur_per_t
        if change.t_per_mwh_import is not None:
            self.market["co2_t_per_mwh_import"] = change.t_per_mwh_import


def _free(id: str, taken: set[str]) -> str:
    while id in taken:
        id += "x"
    taken.add(id)
    return id


def _hours(text: str) -> tuple[int, int] | None:
    first, _, last = text.partition("-")
    if not (first.strip().isdigit() and last.strip().isdigit()):
        return None
    span = int(first), int(last)
    return span if span[0] < 24 and span[1] <= 24 and span[0] != span[1] else None


def _inside(horizon: Horizon, first: int, last: int) -> list[int]:
    """Steps that begin within the local hours; a span may run over midnight."""
    hours: Sequence[int] = [at.astimezone(MARKET_ZONE).hour for at in horizon.times()]
    return [t for t, h in enumerate(hours) if (first <= h < last if first < last else h >= first or h < last)]
