"""SunSpec: models found by scanning the chain, points resolved by model and name, with their scale factors.

Names, types and offsets come from the SunSpec Alliance's model files, which the package pysunspec2 carries
(Apache-2.0); its client is not used here: it judges us in the tests.
"""

import copy
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from vpp.devices.link import Link, Refused
from vpp.domain import Mistake, Mistakes, Priority, nearest

BASES = (40000, 0, 50000)
"""Where a chain may begin (SunSpec Device Information Model Specification V1.1, 6.2.1)."""
MARK = (0x5375, 0x6E53)
"""SunS"""
END = 0xFFFF
MOST_MODELS = 100
"""A longer chain is a device gone wrong."""

TYPES: Mapping[str, tuple[str, int | None]] = {
    "int16": ("int16", 0x8000), "sunssf": ("int16", 0x8000), "int32": ("int32", 0x80000000),
    "int64": ("int64", 0x8000000000000000), "uint16": ("uint16", 0xFFFF), "count": ("uint16", 0xFFFF),
    "enum16": ("uint16", 0xFFFF), "bitfield16": ("uint16", 0xFFFF), "pad": ("uint16", 0x8000), "acc16": ("uint16", 0),
    "uint32": ("uint32", 0xFFFFFFFF), "enum32": ("uint32", 0xFFFFFFFF), "bitfield32": ("uint32", 0xFFFFFFFF),
    "acc32": ("uint32", 0), "uint64": ("uint64", 0xFFFFFFFFFFFFFFFF), "acc64": ("uint64", 0),
    "float32": ("float32", None), "float64": ("float64", None),
}  # fmt: skip
"""SunSpec type → ours and its code for "not implemented"."""
UNITS: Mapping[str, str] = {
    "W": "W", "VA": "VA", "var": "var", "Var": "var", "VAR": "var", "Wh": "Wh", "WH": "Wh", "Hz": "Hz", "V": "V",
    "A": "A", "C": "degC", "Pct": "%", "%": "%", "%WHRtg": "%", "% AhrRtg": "%", "Secs": "s", "s": "s",
}  # fmt: skip
"""SunSpec unit → ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointDef:
    """A point of a model."""

    name: str
    """`W`, or `module[2].DCW` in a repeating group."""
    offset: int
    """From the model's ID register."""
    size: int
    type: str
    sf: str | int | None = None
    """Name of the scale factor's point, or a fixed power of ten."""
    unit: str = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A model in a device's chain."""

    model: int
    at: int
    """Address of its ID register."""
    length: int
    """Registers after ID and L."""


@dataclass(frozen=True, slots=True)
class Chain:
    """What a scan found, in order."""

    base: int
    places: tuple[Place, ...]

    def find(self, model: int) -> Place | None:
        return next((place for place in self.places if place.model == model), None)

    @property
    def models(self) -> tuple[int, ...]:
        return tuple(place.model for place in self.places)


@cache
def points_of(model: int, length: int) -> Mapping[str, PointDef]:
    """Points of a model that is `length` registers long; raises KeyError for an unknown one."""
    file = files("sunspec2").joinpath(f"models/json/model_{model}.json")
    if not file.is_file():
        raise KeyError(model)
    group = json.loads(file.read_text(encoding="utf-8"))["group"]
    found, offset = dict[str, PointDef](), 0
    offset = _points(group, "", offset, found)
    for sub in group.get("groups", []):
        repeats = sub.get("count", 1)
        size = _points(sub, "", 0, {})
        number = 1 if repeats == 1 else max(0, (length + 2 - offset) // size) if size else 0
        for n in range(1, number + 1):
            name = sub["name"] if repeats == 1 else f"{sub['name']}[{n}]"
            offset = _points(sub, name + ".", offset, found)
    return found


def _points(group: Mapping[str, Any], prefix: str, offset: int, found: dict[str, PointDef]) -> int:
    """Add a group's own points; return the offset behind it."""
    for p in group["points"]:
        name, size = prefix + p["name"], int(p["size"])
        unit = UNITS.get(str(p.get("units", "")).strip(), "1")
        found[name] = PointDef(name=name, offset=offset, size=size, type=p["type"], sf=p.get("sf"), unit=unit)
        offset += size
    if prefix:
        for sub in group.get("groups", []):
            offset = _points(sub, f"{prefix}{sub['name']}.", offset, found)
    return offset


@cache
def own_length(model: int) -> int:
    """Registers after ID and L when every repeating group is there once."""
    points = points_of(model, 0)
    file = json.loads(files("sunspec2").joinpath(f"models/json/model_{model}.json").read_text(encoding="utf-8"))
    fixed = max(p.offset + p.size for p in points.values()) - 2
    repeating = [g for g in file["group"].get("groups", []) if g.get("count", 1) != 1]
    return fixed + sum(_points(g, "x.", 0, {}) for g in repeating)


def chain_of(base: int, models: Sequence[int]) -> Chain:
    """A chain of models in this order, each of its own length."""
    places, at = list[Place](), base + 2
    for model in models:
        places.append(Place(model=model, at=at, length=own_length(model)))
        at += 2 + places[-1].length
    return Chain(base, tuple(places))


async def scan(link: Link, unit: int, priority: Priority, bases: Sequence[int] = BASES) -> Chain | None:
    """The chain of a device; None: it has none. Raises LinkError."""
    for base in bases:
        try:
            head = await link.read(unit, 3, base, 4, priority)
        except Refused as refusal:
            if refusal.code in (1, 2, 3):
                continue
            raise
        if tuple(head[:2]) != MARK:
            continue
        places, at, (model, length) = list[Place](), base + 2, head[2:]
        while model != END and len(places) < MOST_MODELS and at + 2 + length < 65_534:
            places.append(Place(model=model, at=at, length=length))
            at += 2 + length
            model, length = await _header(link, unit, at, priority)
        return Chain(base, tuple(places))
    return None


async def _header(link: Link, unit: int, at: int, priority: Priority) -> Sequence[int]:
    """ID and length; some devices have no register behind the end mark."""
    try:
        return await link.read(unit, 3, at, 2, priority)
    except Refused as refusal:
        if refusal.code not in (2, 3):
            raise
        return (await link.read(unit, 3, at, 1, priority))[0], 0


async def read_exponents(
    link: Link, unit: int, chain: Chain, wanted: Sequence[str], priority: Priority
) -> dict[str, int]:
    """Scale factors by `model.name`; raises LinkError."""
    found = dict[str, int]()
    for name in wanted:
        if (where := locate(chain, name)) is not None:
            (raw,) = await link.read(unit, 3, where[0], 1, priority)
            found[name] = raw - 65_536 if raw > 32_767 else raw
    return found


def locate(chain: Chain, name: str) -> tuple[int, PointDef] | None:
    """Address and definition of `103.W` in a chain; None: that model or point is not there."""
    model, _, point = name.partition(".")
    place = chain.find(int(model)) if model.isdigit() else None
    if place is None:
        return None
    try:
        found = points_of(place.model, place.length).get(point)
    except KeyError:
        return None
    if found is None or found.offset + found.size > place.length + 2:
        return None
    return place.at + found.offset, found


# A profile's template → registers


def written_factors(data: Mapping[str, Any]) -> list[str]:
    """Scale factors that the setpoints' writes depend on: `123.WMaxLimPct_SF`."""
    found = dict[str, None]()
    for step in _write_steps(data):
        for name in _names(step.get("sunspec")):
            definition = _definition(name)
            if definition is not None and isinstance(definition.sf, str):
                found[f"{name.partition('.')[0]}.{definition.sf}"] = None
    return list(found)


def expand(data: Mapping[str, Any], chain: Chain, exponents: Mapping[str, int], where: str) -> dict[str, Any]:
    """The profile with every `sunspec:` replaced by its register in this chain; raises Mistakes.

    A point whose models are not in the chain is left out, unless a setpoint is proved by it.
    """
    made, mistakes = copy.deepcopy(dict(data)), list[Mistake]()
    frozen = set(written_factors(data))
    identity = [{"at": chain.base, "type": "string", "length": 2, "match": "SunS"}]
    used = dict[int, None]()

    def resolve(spec: dict[str, Any], what: str, *, write: bool) -> bool:
        names = _names(spec.pop("sunspec"))
        located = next(((n, *hit) for n in names if (hit := locate(chain, n)) is not None), None)
        if located is None:
            if all(_definition(n) is None for n in names):
                known = _known(names[0]) if names else ()
                near = nearest(names[0].partition(".")[2], known) if names else ""
                mistakes.append(Mistake(where=where, what=what, problem=f"sunspec {names} is no point{near}"))
            elif write:
                problem = f"sunspec {names}: the device has no such model; it has {', '.join(map(str, chain.models))}"
                mistakes.append(Mistake(where=where, what=what, problem=problem))
            return False
        name, at, point = located
        model = int(name.partition(".")[0])
        used[model] = None
        kind, na = TYPES[point.type]
        spec.update(at=at, type=kind)
        spec.setdefault("unit", point.unit)
        if not write:
            spec.setdefault("na", na)
        factor = f"{model}.{point.sf}" if isinstance(point.sf, str) else None
        if isinstance(point.sf, int):
            spec["scale"] = spec.get("scale", 1.0) * 10.0**point.sf
        elif factor is not None and (write or factor in frozen):
            spec["scale"] = spec.get("scale", 1.0) * 10.0 ** exponents.get(factor, 0)
        elif factor is not None and (place := locate(chain, factor)) is not None:
            spec["scale_at"] = place[0]
        return True

    points = made.get("points")
    if isinstance(points, dict):
        for name, spec in list(points.items()):
            if isinstance(spec, dict) and "sunspec" in spec and not resolve(spec, f"points.{name}", write=False):
                del points[name]
    for number, step in enumerate(_write_steps(made)):
        if "sunspec" in step:
            resolve(step, f"write {number}", write=True)
    identity += [{"at": p.at, "type": "uint16", "match": model} for model in used if (p := chain.find(model))]
    for factor in sorted(frozen):
        if (place := locate(chain, factor)) is not None:
            identity.append({"at": place[0], "type": "int16", "match": exponents.get(factor, 0)})
    made["identity"] = identity + list(made.get("identity") or [])
    if mistakes:
        raise Mistakes(mistakes)
    return made


def fixed_registers(chain: Chain, exponents: Mapping[str, int], values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a simulated device shows where its profile names nothing: headers, factors, "not implemented"."""
    rows: list[dict[str, Any]] = [{"at": chain.base, "type": "string", "length": 2, "value": "SunS"}]
    for place in chain.places:
        for name, point in points_of(place.model, place.length).items():
            rows.append(_row(place, point, exponents, values, f"{place.model}.{name}"))
    last = chain.places[-1]
    end = last.at + 2 + last.length
    return [*rows, {"at": end, "type": "uint16", "value": END}, {"at": end + 1, "type": "uint16", "value": 0}]


def _row(
    place: Place, point: PointDef, exponents: Mapping[str, int], values: Mapping[str, Any], name: str
) -> dict[str, Any]:
    at = place.at + point.offset
    if point.offset == 0:
        return {"at": at, "type": "uint16", "value": place.model}
    if point.offset == 1:
        return {"at": at, "type": "uint16", "value": place.length}
    if point.type not in TYPES:
        return {"at": at, "type": "string", "length": point.size, "value": str(values.get(name, ""))}
    kind, na = TYPES[point.type]
    if point.type == "sunssf":
        return {"at": at, "type": kind, "value": exponents.get(name, 0)}
    if name in values:
        return {"at": at, "type": kind, "value": values[name]}
    if na is None:
        return {"at": at, "type": kind, "value": math.nan}
    signed = na - 2 ** (16 * point.size) if kind.startswith("int") else na
    return {"at": at, "type": kind, "value": signed}


def _write_steps(data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    setpoints = data.get("setpoints")
    for spec in setpoints.values() if isinstance(setpoints, dict) else ():
        for part in ("steps", "release"):
            steps = spec.get(part) if isinstance(spec, dict) else None
            for step in steps if isinstance(steps, list) else ():
                if isinstance(step, dict) and isinstance(step.get("write"), dict):
                    yield step["write"]


def _names(given: Any) -> list[str]:
    return [str(each) for each in given] if isinstance(given, list) else [str(given)] if given is not None else []


def _definition(name: str) -> PointDef | None:
    model, _, point = name.partition(".")
    try:
        return points_of(int(model), 2_000).get(point)
    except (KeyError, ValueError):
        return None


def _known(name: str) -> Sequence[str]:
    model = name.partition(".")[0]
    try:
        return list(points_of(int(model), 200))
    except (KeyError, ValueError):
        return []
