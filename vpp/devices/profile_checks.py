"""What must hold in a profile beyond its form: no overlaps, ranges that fit, orders that can be proved and ended."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from vpp.devices.profile import SETPOINTS, Fallback, Profile, RegisterSpec, SetpointSpec, WriteSpec
from vpp.devices.registers import Unfit, size_of
from vpp.devices.units import OF_RATING, UNITS, Amount, fitting
from vpp.domain import Mistake, SetpointKind, nearest

Found = Iterator[tuple[str, str]]
"""(what, problem)"""


def check(
    profile: Profile, where: str, *, also_points: frozenset[str] = frozenset(), groups_known: bool = True
) -> list[Mistake]:
    """Every mistake of meaning; `also_points` are names that exist but could not be read."""
    known = also_points | set(profile.points)
    found = [*_cadence(profile), *_points(profile, groups_known), *_overlaps(profile), *_fixed(profile)]
    for name, spec in profile.setpoints.items():
        found += [(f"setpoints.{name}{what}", problem) for what, problem in _setpoint(profile, name, spec, known)]
    if "power_kw" in profile.setpoints and "heat_kw" in profile.setpoints:
        found.append(("setpoints", "power_kw and heat_kw are both targets; allowed: one of them"))
    return [Mistake(where=where, what=what, problem=problem) for what, problem in found]


def _cadence(profile: Profile) -> Found:
    for group, period in profile.cadence.items():
        if period <= 0:
            yield f"cadence.{group}", f"{period:g} s is no period; allowed: > 0 s"
    for first, last in profile.holes:
        if last < first:
            yield "holes", f"[{first}, {last}] ends before it begins"


def _points(profile: Profile, groups_known: bool) -> Found:
    for name, spec in profile.points.items():
        what = f"points.{name}"
        if groups_known and spec.group not in profile.cadence:
            yield f"{what}.group", f"'{spec.group}' has no cadence; allowed: {', '.join(profile.cadence)}"
        yield from ((what + part, problem) for part, problem in _register(profile, name, spec))
        if spec.scale_at is not None:
            low, high = min(spec.at, spec.scale_at), max(spec.at + size_of(spec.type), spec.scale_at + 1)
            if high - low > profile.transport.max_read:
                yield f"{what}.scale_at", f"{spec.scale_at} is too far from {spec.at} for one request of max_read"
            if holes := _holes_in(profile, low, high):
                yield f"{what}.scale_at", f"hole {holes[0]} lies between {spec.at} and {spec.scale_at}"
        if (
            spec.valid
            and spec.valid[0].of_rating == spec.valid[1].of_rating
            and spec.valid[0].value > spec.valid[1].value
        ):
            yield f"{what}.valid", "the low end is above the high end"
        if spec.valid and spec.scale_at is None and spec.unit in UNITS:
            bounds = [a for a in spec.valid if abs(a.value) != float("inf")]
            yield from ((f"{what}.valid", problem) for problem in _misfits(profile, spec, bounds))


def _register(profile: Profile, name: str, spec: RegisterSpec) -> Found:
    if spec.unit not in UNITS:
        yield ".unit", f"'{spec.unit}' is unknown{nearest(spec.unit, UNITS)}; allowed: {', '.join(fitting(name))}"
    elif spec.unit not in fitting(name):
        yield ".unit", f"'{spec.unit}' does not measure {name}; allowed: {', '.join(fitting(name))}"
    if spec.scale <= 0:
        yield ".scale", f"{spec.scale:g} is not allowed; allowed: > 0 (a reversed direction is sign: -1)"
    end = spec.at + size_of(spec.type)
    if end > 65536:
        yield ".at", f"{spec.type} at {spec.at} ends behind the last register 65535"
    for hole in _holes_in(profile, spec.at, end):
        yield ".at", f"{spec.type} at {spec.at} lies in the hole {hole}"


def _holes_in(profile: Profile, low: int, high: int) -> list[list[int]]:
    return [[first, last] for first, last in profile.holes if first < high and low <= last]


def _misfits(profile: Profile, spec: RegisterSpec, amounts: Iterable[Amount]) -> Iterator[str]:
    """Ends of a range that the register cannot hold, as far as this does not depend on the rating."""
    for amount in amounts:
        if amount.of_rating != (spec.unit == OF_RATING) and amount.value != 0:
            continue
        try:
            spec.register(profile.transport, 1.0).encode(amount.value)
        except (Unfit, ZeroDivisionError) as problem:
            yield str(problem)


def _overlaps(profile: Profile) -> Found:
    """Points share no registers; a write may hit a point only as a whole."""
    spans = sorted((s.fc, s.at, s.at + size_of(s.type), name) for name, s in profile.points.items())
    for (fc, _, end, name), (fc2, at2, _, name2) in pairwise(spans):
        if fc == fc2 and at2 < end:
            yield f"points.{name2}.at", f"{at2} overlaps point '{name}', which ends at {end - 1}"
    for name, spec in profile.setpoints.items():
        for step in _writes(spec):
            end = step.at + size_of(step.type)
            for fc, low, high, point in spans:
                partly = fc == 3 and step.at < high and low < end and (low, high) != (step.at, end)
                if partly:
                    yield f"setpoints.{name}.steps", f"the write at {step.at} covers only a part of point '{point}'"


def _fixed(profile: Profile) -> Found:
    for part, entries in (("fixed", profile.fixed), ("identity", profile.identity)):
        for entry in entries:
            if (entry.type == "string") != (entry.length is not None):
                yield part, f"{entry.type} at {entry.at}: a string needs its length in registers, a number has none"
    for entry in profile.fixed:
        if (entry.type == "string") != isinstance(entry.value, str):
            yield "fixed", f"{entry.value!r} at {entry.at} is not of type {entry.type}"


def _writes(spec: SetpointSpec) -> list[WriteSpec]:
    return [step.write for step in (*spec.steps, *spec.release) if step.write]


def _setpoint(profile: Profile, name: str, spec: SetpointSpec, known: frozenset[str] | set[str]) -> Found:
    if name not in SETPOINTS:
        yield "", f"is no setpoint{nearest(name, SETPOINTS)}; allowed: {', '.join(SETPOINTS)}"
        return
    low, high = spec.range
    if low.value > high.value:
        yield ".range", "the low end is above the high end"
    if SETPOINTS[name] is SetpointKind.LIMIT:
        if low.value < 0:
            yield ".range", f"a limit begins at {low.value:g}; allowed: ≥ 0"
        if spec.round == "nearest":
            yield ".round", "a limit is never rounded up; allowed: down"
    if SETPOINTS[name] is SetpointKind.SWITCH and (low.value, high.value) != (0, 1):
        yield ".range", "a switch is 0 or 1; allowed: [0, 1]"
    if spec.writes_per_day is not None and spec.hold.device_timeout is not None:
        yield ".writes_per_day", "is limited, but hold wants refreshes; allowed: one of them"
    if spec.ramp_kw_per_s is not None:
        yield from _ramp(name, spec)
    yield from _steps(profile, name, spec)
    yield from _proof(profile, name, spec, known)
    yield from _hold(spec)


def _ramp(name: str, spec: SetpointSpec) -> Found:
    assert spec.ramp_kw_per_s is not None
    if spec.ramp_kw_per_s.value <= 0:
        yield ".ramp_kw_per_s", f"{spec.ramp_kw_per_s.value:g} is no ramp; allowed: > 0 kW/s"
    if SETPOINTS[name] is SetpointKind.SWITCH:
        yield ".ramp_kw_per_s", "a switch has no steps; allowed: for targets and limits"
    if spec.effect is None:
        yield ".ramp_kw_per_s", "begins at what is measured, but there is no effect; allowed: with effect"
    if spec.writes_per_day is not None:
        yield ".ramp_kw_per_s", "writes many times, but writes_per_day is limited; allowed: one of them"
    pause = max(spec.min_interval, sum(step.wait or 0.0 for step in spec.steps))
    if spec.hold.device_timeout is not None and pause >= spec.hold.device_timeout:
        yield ".ramp_kw_per_s", f"a step every {pause:g} s is too slow; allowed: < {spec.hold.device_timeout:g} s"


def _steps(profile: Profile, name: str, spec: SetpointSpec) -> Found:
    orders = [step.write for step in spec.steps if step.write and step.write.value == "$value"]
    if len(orders) != 1:
        yield ".steps", f"{len(orders)} steps write $value; allowed: exactly one"
    for step in orders:
        yield from ((".steps" + part, problem) for part, problem in _register(profile, name, step))
        if step.unit in UNITS:
            yield from ((".range", problem) for problem in _misfits(profile, step, spec.range))
    for step in _writes(spec):
        if step.value == "$value":
            continue
        unit = "run_s" if step.value == "$timeout" else name if step.unit != "1" else "flag"
        yield from ((".steps" + part, problem) for part, problem in _register(profile, unit, step))
        amount = spec.hold.device_timeout if step.value == "$timeout" else step.value
        if step.value == "$timeout" and spec.hold.device_timeout is None:
            yield ".steps", "$timeout is written, but hold has no device_timeout"
        elif isinstance(amount, (int, float)) and step.unit in UNITS:
            yield from ((".steps", problem) for problem in _misfits(profile, step, [Amount(amount)]))
        if step.fc == 6 and size_of(step.type) > 1:
            yield ".steps", f"function 6 writes one register, {step.type} at {step.at} takes {size_of(step.type)}"
    if any(step.write and step.write.value in ("$value", "$on", "$off", "$beat") for step in spec.release):
        yield ".release", "writes the order again; allowed: numbers and $timeout"


def _proof(profile: Profile, name: str, spec: SetpointSpec, known: frozenset[str] | set[str]) -> Found:
    points = [("verify.point", spec.verify.point)] + [("verify.also", point) for point in spec.verify.also]
    points += [("effect.point", spec.effect.point)] if spec.effect else []
    for what, point in points:
        if point not in known:
            yield f".{what}", f"'{point}' is no point{nearest(point, known)}; allowed: {', '.join(sorted(known))}"
    if spec.verify.map and name != "switch":
        yield ".verify.map", "translates the order; allowed: for a switch"
    if spec.verify.map and not {0.0, 1.0} <= set(spec.verify.map):
        yield ".verify.map", "does not say what is shown for 0 and for 1"
    proof = profile.points.get(spec.verify.point)
    if proof and proof.unit in UNITS and name != "switch" and not set(fitting(name)) & {proof.unit}:
        yield ".verify.point", f"'{spec.verify.point}' is read in {proof.unit}, the order is in kW"


def _hold(spec: SetpointSpec) -> Found:
    hold = spec.hold
    if hold.device_timeout is None:
        if hold.on_loss != "last":
            yield ".hold.on_loss", "without a device_timeout the device keeps the order; allowed: last"
        if hold.refresh is not None:
            yield ".hold.refresh", "there is no device_timeout to refresh"
    elif hold.refresh is not None and not 0 < hold.refresh < hold.device_timeout:
        yield ".hold.refresh", f"{hold.refresh:g} s is too late; allowed: > 0 s and < {hold.device_timeout:g} s"
    if isinstance(hold.on_loss, Fallback):
        low, value, high = spec.range[0].value, hold.on_loss.value.value, spec.range[1].value
        if not low <= value <= high:
            yield ".hold.on_loss", f"{value:g} is outside {low:g} … {high:g}"
