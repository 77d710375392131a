"""study.toml → a study, with every mistake at once: file, key, value, what is allowed, the nearest name."""

import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from vpp.domain import Mistake, Mistakes, nearest
from vpp.operations.study.study import BASE, MUSTERSTADT, REGISTER, Study, Variant
from vpp.operations.study.wishes import Distribution, Hosting, StudyFile, StudySection, VariantSection, shape_of

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
MOST_VARIANTS = 1000


def read_study(path: Path) -> Study:
    """The study in a file, its grids of parameters multiplied out. Raises `Mistakes`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise Mistakes([Mistake(where=str(path), what="", problem=f"cannot be read: {reason}")]) from None
    return parse_study(text, path.name, path.parent)


def parse_study(text: str, name: str, folder: Path) -> Study:
    """`folder`: what a relative base is relative to."""
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        problem = f"is not a TOML file: {str(error).splitlines()[0]}"
        raise Mistakes([Mistake(where=name, what="", problem=problem)]) from None
    mistakes: list[Mistake] = []
    variants = raw.pop("variant", {})
    expanded: dict[str, tuple[dict[str, Any], str]] = {}
    if isinstance(variants, dict):
        for key, section in cast(dict[str, Any], variants).items():
            for own, made in _multiplied(key, section, name, mistakes):
                expanded[own] = made, key
    else:
        mistakes.append(Mistake(where=name, what="variant", problem="is no section; allowed: [variant.NAME]"))
    whole = {**raw, "variant": {own: section for own, (section, _) in expanded.items()}}
    try:
        found = StudyFile.model_validate(whole)
    except ValidationError as error:
        mistakes += _mistakes(error, whole, name, {own: key for own, (_, key) in expanded.items()})
        raise Mistakes(_once(mistakes)) from None
    if len(found.variant) > MOST_VARIANTS:
        problem = f"{len(found.variant)} variants with all grids multiplied out; allowed: ≤ {MOST_VARIANTS}"
        mistakes.append(Mistake(where=name, what="variant", problem=problem))
    mistakes += _period(found.study, name)
    if mistakes:
        raise Mistakes(_once(mistakes))
    made = [Variant(name=BASE, title=BASE, changes=(), yearly_cost_eur=0.0)]
    made += [
        Variant(
            name=own, title=v.title or own, changes=v.change, yearly_cost_eur=v.yearly_cost_eur, operation=v.operation
        )
        for own, v in found.variant.items()
    ]
    base = found.study.base
    return Study(file=name, wishes=found.study, folder=None if base in (MUSTERSTADT, REGISTER) else folder / base,
                 variants=tuple(made), hosting=found.hosting, text=text)  # fmt: skip


def _period(wishes: StudySection, file: str) -> Iterator[Mistake]:
    if wishes.as_of is not None and wishes.base != REGISTER:
        problem = f"is a time of the register, but base = '{wishes.base}'; allowed: with base = '{REGISTER}'"
        yield Mistake(where=file, what="study.as_of", problem=problem)
    if wishes.base in (MUSTERSTADT, REGISTER):
        for key in ("first", "last"):
            if getattr(wishes, key) is None:
                problem = "is missing; allowed: a local day with prices, such as 2025-04-06"
                yield Mistake(where=file, what=f"study.{key}", problem=problem)
    if wishes.first and wishes.last and wishes.last < wishes.first:
        problem = f"{wishes.last} is before first = {wishes.first}; allowed: that day or later"
        yield Mistake(where=file, what="study.last", problem=problem)
    if len(set(wishes.seeds)) < len(wishes.seeds):
        yield Mistake(where=file, what="study.seeds", problem=f"{list(wishes.seeds)} has a seed twice")


def _multiplied(key: str, section: Any, file: str, mistakes: list[Mistake]) -> Iterator[tuple[str, dict[str, Any]]]:
    """A variant with a grid becomes one variant per combination: `more-batteries.count=20`."""
    where = f"variant.{key}"
    if not NAME.fullmatch(key) or key == BASE:
        problem = f"'{key}' is no name for a variant; allowed: small letters, digits, - and _, but not '{BASE}'"
        mistakes.append(Mistake(where=file, what=where, problem=problem))
    if not isinstance(section, dict):
        mistakes.append(Mistake(where=file, what=where, problem=f"is {section!r}; allowed: a section [{where}]"))
        return
    own = dict(cast(dict[str, Any], section))
    grid = own.pop("grid", {})
    if not isinstance(grid, dict) or not all(isinstance(v, list) and v for v in cast(dict[str, Any], grid).values()):
        problem = f"is {grid!r}; allowed: a list of values per parameter, count = [10, 20]"
        mistakes.append(Mistake(where=file, what=f"{where}.grid", problem=problem))
        return
    values = cast(dict[str, list[Any]], grid)
    used = set[str]()
    for combination in itertools.product(*values.values()):
        chosen = dict(zip(values, combination, strict=True))
        suffix = "".join(f".{k}={v}" for k, v in chosen.items())
        yield key + suffix, _filled(own, chosen, used, f"{where}", file, mistakes)
    for unused in values.keys() - used:
        problem = f"'{unused}' is used nowhere; write \"${unused}\" as a value of the variant"
        mistakes.append(Mistake(where=file, what=f"{where}.grid.{unused}", problem=problem))


def _filled(
    value: Any, chosen: Mapping[str, Any], used: set[str], where: str, file: str, mistakes: list[Mistake]
) -> Any:  # fmt: skip
    if isinstance(value, dict):
        inside = cast(dict[str, Any], value)
        return {k: _filled(v, chosen, used, f"{where}.{k}", file, mistakes) for k, v in inside.items()}
    if isinstance(value, list):
        each = cast(list[Any], value)
        return [_filled(v, chosen, used, f"{where}.{n}", file, mistakes) for n, v in enumerate(each)]
    if isinstance(value, str) and value.startswith("$"):
        if (name := value[1:]) in chosen:
            used.add(name)
            return chosen[name]
        allowed = ", ".join(chosen) or "none: the variant has no grid"
        problem = f"'{value}' names no parameter of the grid; allowed: {allowed}{nearest(name, chosen)}"
        mistakes.append(Mistake(where=file, what=where, problem=problem))
    return value


def _mistakes(error: ValidationError, raw: Any, file: str, written_as: Mapping[str, str]) -> Iterator[Mistake]:
    listed = error.errors(include_url=False)
    for e in listed:
        inside = (o["loc"] for o in listed if len(o["loc"]) > len(e["loc"]))
        if e["type"] == "too_short" and any(loc[: len(e["loc"])] == e["loc"] for loc in inside):
            continue  # it is only too short because its items are wrong
        loc = [part for part in e["loc"] if not _is_tag(part)]
        shape = _shape(raw, e["loc"])
        shown = [
            written_as.get(str(p), str(p)) if n == 1 and loc[0] == "variant" else str(p) for n, p in enumerate(loc)
        ]
        yield Mistake(where=file, what=".".join(shown), problem=_problem(cast(dict[str, Any], e), loc, shape))


_TAGS = {"add", "remove", "scale", "set", "tariff", "price", "weather", "limit", "co2"}
_UNION = {"distribution", "plain", "bool", "float", "str"}


def _is_tag(part: Any) -> bool:
    return isinstance(part, str) and (part in _TAGS or part in _UNION)


def _shape(raw: Any, loc: Sequence[Any]) -> type[BaseModel] | None:
    """The section a location lies in, for the names it allows."""
    sections: dict[str, type[BaseModel]] = {"study": StudySection, "variant": VariantSection, "hosting": Hosting}
    if len(loc) == 1:
        return StudyFile
    if "distribution" in loc:
        return Distribution
    for part in loc:
        if isinstance(part, str) and part in _TAGS:
            return shape_of(part)
    return sections.get(str(loc[0]))


_EXPECTED = {
    "tuple_type": "a list", "too_short": "at least one", "model_type": "a section with keys",
    "model_attributes_type": "a section with keys, [[variant.NAME.change]]", "dict_type": "a section with keys",
}  # fmt: skip


def _problem(e: Mapping[str, Any], loc: Sequence[Any], shape: type[BaseModel] | None) -> str:
    kind, value = str(e["type"]), e.get("input")
    known = list(shape.model_fields) if shape else []
    context = cast(dict[str, Any], e.get("ctx") or {})
    if kind == "extra_forbidden":
        return f"'{loc[-1]}' is unknown; allowed: {', '.join(known)}{nearest(str(loc[-1]), known)}"
    if kind == "missing":
        return "is missing"
    if kind == "union_tag_invalid":
        kinds = sorted(_TAGS)
        return f"do = '{context.get('tag')}' is unknown; allowed: {', '.join(kinds)}" + nearest(
            str(context.get("tag")), kinds
        )
    if kind == "union_tag_not_found":
        return f"says not what to do; allowed: do = {', '.join(sorted(_TAGS))}"
    if kind in ("enum", "literal_error"):
        return f"'{value}' is unknown; allowed: {context.get('expected')}{nearest(str(value), re.findall(r'[a-z]+', str(context.get('expected'))))}"  # noqa: E501
    if kind in _EXPECTED:
        return f"is {value!r}; allowed: {_EXPECTED[kind]}"
    message = str(e["msg"]).removeprefix("Value error, ")
    if kind == "value_error":
        return message
    return f"{value!r} is not possible: {message[0].lower()}{message[1:]}"


def _once(mistakes: Sequence[Mistake]) -> list[Mistake]:
    return list(dict.fromkeys(mistakes))
