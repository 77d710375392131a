"""The grid as a picture of its own: stations as blocks, connections as tiles, a dot in its type's colour per asset.

No map server is asked, so none learns where anybody lives; the tree of nodes says what hangs where.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vpp.web.kinds import NAMES

TILE_W, TILE_H, GAP, PAD, HEAD = 92, 64, 12, 16, 34
ACROSS = 10
"""Tiles beside each other."""
DOTS = 5
"""In a row."""
MOST_TILES = 400
"""In one picture; larger cities show stations only."""


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    kind: str


@dataclass(frozen=True, slots=True)
class Tile:
    """A connection, or a whole station where there are too many."""

    node: str
    x: float
    y: float
    count: int
    dots: Sequence[Dot]
    more: int
    """Assets without a dot of their own."""
    chosen: bool


@dataclass(frozen=True, slots=True)
class Station:
    node: str
    x: float
    y: float
    width: float
    height: float
    tiles: Sequence[Tile]
    carrier: str


@dataclass(frozen=True, slots=True)
class Picture:
    width: float
    height: float
    stations: Sequence[Station]
    kinds: Sequence[str]
    """That are drawn, in the order of the legend."""
    connections: int
    assets: int


def picture(nodes: Sequence[Mapping[str, Any]], counts: Mapping[str, Mapping[str, int]], chosen: str = "") -> Picture:
    """`nodes`: rows of the case format; `counts`: assets by node and kind."""
    parents = {str(n["id"]): str(n.get("parent") or "") for n in nodes if n.get("carrier") == "electricity"}
    inner = set(parents.values()) - {""}
    heat = [str(n["id"]) for n in nodes if n.get("carrier") == "heat"]
    groups = dict[tuple[str, str], list[str]]()
    for node, parent in parents.items():
        if node not in inner or counts.get(node):
            groups.setdefault(("electricity", parent if node not in inner else node), []).append(node)
    alone = [n for n in heat if counts.get(n)]
    if alone:
        groups["heat", ""] = alone
    if sum(map(len, groups.values())) > MOST_TILES:
        groups, counts = _by_station(groups, counts)
    stations, y, width = list[Station](), float(PAD), PAD * 2 + ACROSS * (TILE_W + GAP) - GAP
    for (carrier, station), members in groups.items():
        rows = -(-len(members) // ACROSS)
        height = HEAD + rows * (TILE_H + GAP) - GAP + PAD
        tiles = [
            _tile(node, PAD + (n % ACROSS) * (TILE_W + GAP), y + HEAD + n // ACROSS * (TILE_H + GAP),
                  counts.get(node, {}), node == chosen)
            for n, node in enumerate(members)
        ]  # fmt: skip
        stations.append(Station(station, 0, y, width, height, tiles, carrier))
        y += height + GAP
    found = {kind for each in counts.values() for kind in each}
    order = [*NAMES, *sorted(found - NAMES.keys())]
    total = sum(sum(each.values()) for each in counts.values())
    return Picture(width, y, stations, [k for k in order if k in found], len(parents) - len(inner), total)


def _by_station(
    groups: Mapping[tuple[str, str], Sequence[str]], counts: Mapping[str, Mapping[str, int]]
) -> tuple[dict[tuple[str, str], list[str]], dict[str, Mapping[str, int]]]:
    """One tile a station, with the sums of its connections."""
    made, sums = list[str](), dict[str, Mapping[str, int]]()
    for (carrier, station), members in groups.items():
        name = station or carrier
        total = dict[str, int]()
        for node in members:
            for kind, n in counts.get(node, {}).items():
                total[kind] = total.get(kind, 0) + n
        made.append(name)
        sums[name] = total
    return {("electricity", ""): made}, sums


def _tile(node: str, x: float, y: float, kinds: Mapping[str, int], chosen: bool) -> Tile:
    order = [k for k in [*NAMES, *sorted(kinds.keys() - NAMES.keys())] for _ in range(min(kinds.get(k, 0), 99))]
    shown = order[: 2 * DOTS]
    dots = [Dot(x + 13 + n % DOTS * 15, y + 32 + n // DOTS * 17, kind) for n, kind in enumerate(shown)]
    count = sum(kinds.values())
    return Tile(node, x, y, count, dots, count - len(shown), chosen)
