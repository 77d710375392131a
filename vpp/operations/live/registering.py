"""A city's register from a case folder: its grid, its market, its assets, and the devices that a file names."""

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from vpp.cases import load
from vpp.domain import AssetType, Mistake, Mistakes, Unit, nearest
from vpp.domain.columns import Kind, column_of
from vpp.store import Store
from vpp.store.dispatching import Grid, save_grid

DEVICES = ("asset", "profile", "address")
"""Columns of the file of devices; an address is host:port/unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """What is to be registered; time-dependent cells keep the names of their series."""

    grid: Grid
    units: list[Unit]
    profiles: Mapping[str, str]
    addresses: Mapping[str, str]


def read_register(
    folder: Path, devices: Path | None, asset_types: Mapping[str, AssetType], profiles: Mapping[str, Any]
) -> Register:
    """Raises Mistakes: all that is wrong with the case, and then all that is wrong with the devices."""
    load(folder, asset_types)
    units = [
        _unit(kind, asset_types[kind], row)
        for kind in asset_types if (folder / f"{kind}.csv").exists()
        for row in _rows(folder / f"{kind}.csv")
    ]  # fmt: skip
    market = tomllib.loads((folder / "case.toml").read_text(encoding="utf-8-sig")).get("market", {})
    nodes, groups = ([_numbered(row) for row in _rows(folder / f"{name}.csv")] for name in ("nodes", "groups"))
    grid = Grid(nodes=nodes, market=market, groups=groups)
    found = _devices(devices, {u.id for u in units}, profiles) if devices else []
    return Register(
        grid=grid, units=units, profiles={row["asset"]: row["profile"] for row in found},
        addresses={row["asset"]: row["address"] for row in found},
    )  # fmt: skip


def register(store: Store, given: Register, actor: str, now: datetime) -> int:
    """How many assets are new or changed. Assets that are not named stay as they are."""
    changed = store.register(given.units, given.profiles, given.addresses, now)
    save_grid(store, given.grid, now)
    store.audit(actor, "register", "case", None, {"assets": len(given.units), "changed": changed}, now)
    return changed


def _rows(file: Path) -> list[dict[str, str]]:
    """Cells with something in them; a file that is not there has no rows."""
    if not file.exists():
        return []
    with file.open(encoding="utf-8-sig", newline="") as text:
        rows = list(csv.DictReader(text))
    return [{k.strip(): v.strip() for k, v in row.items() if k and v and v.strip()} for row in rows]


def _numbered(row: Mapping[str, str]) -> dict[str, Any]:
    """Limits as numbers, or names of series; the other cells are texts whatever they look like."""
    return {c: _cell(text, Kind.SERIES if c.endswith("_kw") else Kind.TEXT) for c, text in row.items()}


def _unit(kind: str, about: AssetType, row: Mapping[str, str]) -> Unit:
    def part(of: type) -> Any:
        given = {f.name: _cell(row[f.name], column_of(f).kind) for f in fields(of)
                 if "column" in f.metadata and f.name in row}  # fmt: skip
        return of(**given)

    return Unit(type=kind, asset=part(about.nameplate), outlook=part(about.outlook))


def _cell(text: str, kind: Kind) -> Any:
    """The case was checked before: what is no number in a column over time is the name of a series."""
    match kind:
        case Kind.NUMBER:
            return float(text)
        case Kind.BOOLEAN:
            return text.lower() in ("true", "1", "yes")
        case Kind.TIME:
            return datetime.fromisoformat(text)
        case Kind.SERIES:
            try:
                return float(text)
            except ValueError:
                return text
        case Kind.TEXT:
            return text


def _devices(file: Path, known: set[str], profiles: Mapping[str, Any]) -> list[dict[str, str]]:
    rows, mistakes = _rows(file), list[Mistake]()
    for n, row in enumerate(rows, start=2):
        where = f"{file.name} row {n}"
        mistakes += [Mistake(where=where, what=c, problem="is empty; allowed: a text") for c in DEVICES if c not in row]
        asset, profile, address = (row.get(c, "") for c in DEVICES)
        if asset and asset not in known:
            problem = f"'{asset}' is no asset of the case{nearest(asset, sorted(known))}"
            mistakes.append(Mistake(where=where, what="asset", problem=problem))
        if profile and profile not in profiles:
            problem = f"'{profile}' is unknown{nearest(profile, profiles)}; allowed: {', '.join(sorted(profiles))}"
            mistakes.append(Mistake(where=where, what="profile", problem=problem))
        host, _, port = address.partition("/")[0].rpartition(":")
        if address and not (host and port.isdecimal()):
            mistakes.append(Mistake(where=where, what="address", problem=f"'{address}'; allowed: host:port/unit"))
    if mistakes:
        raise Mistakes(mistakes)
    return rows
