"""A device: an asset's address and its profile, worked out for its rating."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from vpp.devices.blocks import Block, Point, Value, read_plan
from vpp.devices.profile import SETPOINTS, Fallback, Profile, SetpointSpec, StepSpec
from vpp.devices.registers import Register, Unfit
from vpp.devices.units import OF_RATING, Amount
from vpp.domain import Message, Mistake, Mistakes, SetpointKind, said


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A step that writes: a number, or one of the variables of an order."""

    fc: int
    register: Register
    value: float | str
    down: bool = False

    def words(self, value: float, timeout_s: float, beat: int) -> list[int]:
        match self.value:
            case "$value":
                return self.register.encode(value, down=self.down)
            case "$on":
                return self.register.encode(float(value != 0))
            case "$off":
                return self.register.encode(float(value == 0))
            case "$timeout":
                return self.register.encode(timeout_s)
            case "$beat":
                return self.register.encode(float(beat % 2))
            case number:
                return self.register.encode(float(number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What a device does by itself when it no longer hears from us: to be planned for."""

    after_s: float | None
    """Its own time-out; None: it keeps the order for ever."""
    does: str
    """unlimited, internal (own control), last (keeps the order), or value"""
    value: float | None
    """With `value`: the setpoint that then holds, kW, or 0 or 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A setpoint of a profile for one rating: all amounts in kW, all times in s."""

    name: str
    kind: SetpointKind
    spec: SetpointSpec
    low: float
    high: float
    deadband: float
    tolerance: float
    effect_tolerance: float
    fallback: float | None
    """What the device does on loss, where that is a value."""
    order: Write
    """The step that carries the value."""
    steps: tuple[Write | Wait, ...]
    release: tuple[Write | Wait, ...]
    proof: tuple[Block, ...]
    """What is read back."""
    ramp: float | None
    """kW/s; None: an order is written as it is."""
    start: tuple[Block, ...]
    """With a ramp: what is read to know where it begins."""

    @property
    def unit(self) -> str:
        return "" if self.kind is SetpointKind.SWITCH else " kW"

    @property
    def loss(self) -> Loss:
        hold = self.spec.hold
        does = hold.on_loss if isinstance(hold.on_loss, str) else "value"
        return Loss(after_s=hold.device_timeout, does=does, value=self.fallback)

    @property
    def when_silent(self) -> str:
        hold = self.spec.hold
        if hold.device_timeout is None:
            return "keeps the last order"
        return f"after {hold.device_timeout:g} s {self.then}"

    @property
    def then(self) -> str:
        """What holds after the device's own time-out."""
        does = {"unlimited": "unlimited", "internal": "own control", "last": "the last order"}
        loss = self.spec.hold.on_loss
        return does[loss] if isinstance(loss, str) else f"{self.fallback:g}{self.unit}"

    def allows(self, value: float) -> bool:
        noise = 1e-9 * max(1.0, abs(self.low), abs(self.high))
        return math.isfinite(value) and self.low - noise <= value <= self.high + noise

    def as_held(self, value: float) -> float:
        """The value that the device's register will show: limits are rounded down."""
        held = self.order.register.decode(self.order.words(value, 0.0, 0))
        return value if held is None else held

    def mismatch(self, seen: dict[str, Value], value: float) -> Message | None:
        """What the read-back shows instead of the order; None: it shows the order."""
        verify = self.spec.verify
        found, _ = seen[verify.point]
        noise, due = 1e-6 * max(1.0, abs(value)), verify.map.get(value, value)
        if found is None or abs(found - due) > self.tolerance + noise:
            return said("%(the_point)s reads back %(shown_amount)s, ordered %(due_value)s ± %(allowed_amount)s",
                        the_point=verify.point, shown_amount=show(found), due_value=due,
                        allowed_amount=f"{self.tolerance:g}{self.unit}")  # fmt: skip
        for point, wanted in verify.also.items():
            if (shown := seen[point][0]) != wanted:
                return said("%(the_point)s reads back %(shown_amount)s, needed %(due_value)s", the_point=point,
                            shown_amount=show(shown), due_value=wanted)  # fmt: skip
        return None

    def follows(self, measured: float, value: float) -> bool:
        """Whether a measured value obeys the order."""
        if self.kind is SetpointKind.LIMIT:
            part = measured if self.spec.limits == "generation" else -measured
            return part <= value + self.effect_tolerance
        return abs(measured - value) <= self.effect_tolerance


def show(value: float | None) -> str:
    return "nothing" if value is None else f"{value:g}"


class Layout:
    """A profile worked out for one rating: points, read plans and commands."""

    def __init__(self, profile: Profile, rating_kw: float | None) -> None:
        self.profile, self.rating_kw = profile, rating_kw
        self.points = {name: self._point(name) for name in profile.points}
        self._plans = dict[str, tuple[Block, ...]]()
        self.commands = {name: self._command(name, spec) for name, spec in profile.setpoints.items()}

    def plan(self, group: str) -> tuple[Block, ...]:
        """The requests that read one cadence group."""
        if group not in self._plans:
            self._plans[group] = self.plan_of(*(n for n, p in self.profile.points.items() if p.group == group))
        return self._plans[group]

    def plan_of(self, *names: str) -> tuple[Block, ...]:
        t = self.profile.transport
        points = [self.points[name] for name in names]
        return read_plan(points, max_read=t.max_read, max_gap=t.max_gap, holes=self.profile.holes)

    def _point(self, name: str) -> Point:
        spec = self.profile.points[name]
        low, high = spec.valid or (Amount(-math.inf), Amount(math.inf))
        register = spec.register(self.profile.transport, self.rating_kw, spec.scale_at)
        return Point(name=name, register=register, fc=spec.fc, low=low.at(self.rating_kw), high=high.at(self.rating_kw))

    def _steps(self, steps: tuple[StepSpec, ...], down: bool) -> Iterator[Write | Wait]:
        for step in steps:
            if step.write is None:
                yield Wait(seconds=step.wait or 0.0)
                continue
            w = step.write
            register = w.register(self.profile.transport, self.rating_kw)
            yield Write(fc=w.fc, register=register, value=w.value, down=down)

    def _command(self, name: str, spec: SetpointSpec) -> Command:
        kind, r, loss = SETPOINTS[name], self.rating_kw, spec.hold.on_loss
        down = kind is SetpointKind.LIMIT or spec.round == "down"
        steps = tuple(self._steps(spec.steps, down))
        return Command(
            name=name,
            kind=kind,
            spec=spec,
            low=spec.range[0].at(r),
            high=spec.range[1].at(r),
            deadband=spec.deadband.at(r),
            tolerance=spec.verify.tolerance.at(r),
            effect_tolerance=spec.effect.tolerance.at(r) if spec.effect else math.inf,
            fallback=loss.value.at(r) if isinstance(loss, Fallback) else None,
            order=next(s for s in steps if isinstance(s, Write) and s.value == "$value"),
            steps=steps,
            release=tuple(self._steps(spec.release, down=False)),
            proof=self.plan_of(*{spec.verify.point: None, **spec.verify.also}),
            ramp=None if spec.ramp_kw_per_s is None else spec.ramp_kw_per_s.at(r),
            start=self.plan_of(spec.effect.point) if spec.effect and spec.ramp_kw_per_s else (),
        )


@lru_cache(maxsize=20_000)
def layout_of(profile: Profile, rating_kw: float | None) -> Layout:
    """Devices of one profile and rating share their layout."""
    return Layout(profile, rating_kw)


@dataclass(frozen=True, kw_only=True)
class Device:
    """An asset that is reached over Modbus."""

    asset_id: str
    profile: Profile
    host: str
    """IP address."""
    port: int
    unit: int = 1
    rating_kw: float | None = None
    """Nameplate power, needed where the profile speaks of the rating."""
    writable: bool | frozenset[str] = True
    """Whether, or which, setpoints may be written."""

    def __post_init__(self) -> None:
        if mistakes := list(self._mistakes()):
            raise Mistakes(mistakes)

    @cached_property
    def layout(self) -> Layout:
        return layout_of(self.profile, self.rating_kw)

    def may_write(self, setpoint: str) -> bool:
        return self.writable if isinstance(self.writable, bool) else setpoint in self.writable

    @property
    def losses(self) -> dict[str, Loss]:
        """What the planner must expect of the device when the link is lost, by setpoint."""
        return {name: command.loss for name, command in self.layout.commands.items()}

    @property
    def when_silent(self) -> dict[str, str]:
        """What the device does by itself when it hears nothing from us, by setpoint: `after 60 s 0 kW`."""
        return {name: command.when_silent for name, command in self.layout.commands.items()}

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(self.profile.cadence)

    def _mistakes(self) -> Iterator[Mistake]:
        who = f"device '{self.asset_id}'"
        if self.rating_kw is None and needs_rating(self.profile):
            problem = f"is missing; profile '{self.profile.profile}' speaks of the rating. Allowed: > 0 kW"
            yield Mistake(where=who, what="rating_kw", problem=problem)
            return
        if self.rating_kw is not None and not (math.isfinite(self.rating_kw) and self.rating_kw > 0):
            yield Mistake(where=who, what="rating_kw", problem=f"{self.rating_kw:g} kW; allowed: > 0 kW")
            return
        for name, command in self.layout.commands.items():
            for value in (command.low, command.high):
                try:
                    command.order.words(value, 0.0, 0)
                except Unfit as problem:
                    yield Mistake(where=who, what=name, problem=f"range at {self.rating_kw} kW rating: {problem}")


def needs_rating(profile: Profile) -> bool:
    """Whether anything in the profile is relative to the device's rating."""
    amounts = [a for p in profile.points.values() if p.valid for a in p.valid]
    units = [p.unit for p in profile.points.values()]
    for s in profile.setpoints.values():
        amounts += [*s.range, s.deadband, s.verify.tolerance]
        amounts += [s.effect.tolerance] if s.effect else []
        amounts += [s.ramp_kw_per_s] if s.ramp_kw_per_s else []
        amounts += [s.hold.on_loss.value] if isinstance(s.hold.on_loss, Fallback) else []
        units += [step.write.unit for step in (*s.steps, *s.release) if step.write]
    return OF_RATING in units or any(a.of_rating for a in amounts)
