"""An order on its way, and the journal of what became of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vpp.devices.device import Command, Device
from vpp.domain import Clock, Message, Priority, Reading, Setpoint, SetpointEvent, SetpointState, said

Key = tuple[str, str]
"""(asset, setpoint name)"""
RETRY_S = 20.0
"""Between two tries of an order that failed, where the profile asks for no refresh."""
REACH_S = 1.0
"""An order that did not reach its device is tried again so soon, then after twice the time, and so on up to the usual.
It does not wait until the link would read again by itself, which may be a minute."""

S = SetpointState


@dataclass(slots=True, eq=False)
class Order:
    """A setpoint in force (or on its way) and what is known about it."""

    setpoint: Setpoint
    device: Device
    command: Command
    value: float
    """As the device's register can hold it."""
    state: SetpointState = S.VALIDATED
    verified_at: datetime | None = None
    """When it was read back; None: not known to be in the device."""
    effect_by: datetime | None = None
    """Until when its effect must be measured; None: nothing (more) to watch."""
    late: bool = False
    """Said to be without effect in time; still watched."""
    next_try: datetime | None = None
    unsent: int = 0
    """Tries in a row that did not reach the device."""
    at: float | None = None
    """What was written last while it ramps, kW; None: the order itself."""
    origin: float | None = None
    """What the device held before, kW, where a ramp begins; None: not known."""
    beat: int = 0
    resumed: bool = False
    """Given before a restart and not read back yet."""
    ending: str = ""
    """Why it is being released."""

    @property
    def key(self) -> Key:
        return self.setpoint.asset_id, self.command.name

    @property
    def is_of_the_grid(self) -> bool:
        """A grid operator's limit; every other order is the market's."""
        return self.setpoint.priority is Priority.GRID_LIMIT

    @property
    def uncertain(self) -> bool:
        """Whether it is unknown what the device does; a ramp under way is known."""
        return self.state in (S.LOST, S.FAILED) or (self.verified_at is None and self.at is None)

    @property
    def pause(self) -> timedelta:
        """Until the next try."""
        usual = self.command.spec.hold.refresh_s or RETRY_S
        soon = REACH_S * 2 ** min(self.unsent - 1, 10) if self.unsent else usual
        return timedelta(seconds=min(soon, usual))

    def watch_effect(self) -> None:
        """From now on its effect must be measured in time, if its profile says by what."""
        effect = self.command.spec.effect
        if effect and self.verified_at:
            self.effect_by = self.verified_at + timedelta(seconds=effect.within)

    @property
    def words(self) -> str:
        """`power_kw = -5 kW`"""
        return f"{self.command.name} = {self.value:g}{self.command.unit}"


@dataclass(slots=True)
class Journal:
    """Collects the events of one call and hands each to the callback as it happens."""

    clock: Clock
    tell: Callable[[SetpointEvent], None] | None
    events: list[SetpointEvent] = field(default_factory=list[SetpointEvent])

    def write(self, setpoint: Setpoint, state: SetpointState, detail: Message | str) -> None:
        event = SetpointEvent(
            setpoint_id=setpoint.id, asset_id=setpoint.asset_id, at=self.clock.now(), state=state, detail=f"{detail}"
        )
        self.events.append(event)
        if self.tell:
            self.tell(event)

    def state(self, order: Order, state: SetpointState, detail: Message | str) -> None:
        order.state = state
        self.write(order.setpoint, state, said("%(the_order)s: %(detail)s", the_order=order.words, detail=detail))


def judge(order: Order, reading: Reading, journal: Journal) -> None:
    """Effective, or said once to be without effect, by a usable reading of the effect point."""
    effect, value = order.command.spec.effect, reading.value
    if effect is None or value is None or order.verified_at is None or order.effect_by is None:
        return
    if reading.at < order.verified_at:
        return
    if order.command.follows(value, order.value):
        delay = f"{(reading.at - order.verified_at).total_seconds():.1f} s"
        late, order.effect_by = order.late, None
        journal.state(
            order, S.EFFECTIVE,
            said("%(the_point)s measures %(held_value)s after %(delay_amount)s, late", the_point=reading.point,
                 held_value=value, delay_amount=delay) if late else
            said("%(the_point)s measures %(held_value)s after %(delay_amount)s", the_point=reading.point,
                 held_value=value, delay_amount=delay),
        )  # fmt: skip
    elif reading.at > order.effect_by and not order.late:
        order.late = True
        allowed = f"{order.command.effect_tolerance:g}{order.command.unit}"
        problem = said(
            "no effect, %(the_point)s measures %(held_value)s; allowed ± %(allowed_amount)s within %(within_s)s",
            the_point=reading.point, held_value=value, allowed_amount=allowed, within_s=effect.within,
        )  # fmt: skip
        journal.state(order, S.FAILED, problem)
