"""Whether an order may be given at all: kind, range, release for writing, the grid operator's limit, worn registers."""

from collections.abc import Callable, Mapping
from datetime import date, datetime

from vpp.devices.device import Device
from vpp.devices.orders import Key, Order
from vpp.domain import Setpoint, SetpointKind


def admitted(
    setpoint: Setpoint, devices: Mapping[str, Device], bounds: Mapping[str, tuple[float, float, str]], now: datetime
) -> Order | str:
    """The order, or why it is refused: who, what, the value, what is allowed."""
    device = devices.get(setpoint.asset_id)
    if device is None:
        return f"asset '{setpoint.asset_id}' has no device in this field"
    who = f"{device.profile.asset} '{device.asset_id}'"
    name = device.profile.setpoint_for(setpoint.kind)
    if name is None:
        allowed = ", ".join(device.profile.setpoints) or "none: it is only read"
        return f"{who}: profile '{device.profile.profile}' takes no {setpoint.kind}; allowed: {allowed}"
    if not device.may_write(name):
        return f"{who}: {name} is not released for writing"
    command = device.layout.commands[name]
    if not command.allows(setpoint.value):
        return (
            f"{who}: {name} {setpoint.value:g}{command.unit} is outside {command.low:g} … "
            f"{command.high:g}{command.unit}"
        )
    bound = bounds.get(setpoint.asset_id)
    if bound and setpoint.kind is SetpointKind.TARGET and not bound[0] <= setpoint.value <= bound[1]:
        return f"{who}: {name} {setpoint.value:g} kW; allowed by the grid operator's limit: {bound[2]}"
    if command.kind is SetpointKind.SWITCH and setpoint.value not in (0, 1):
        return f"{who}: {name} {setpoint.value:g}; allowed: 0 or 1"
    if setpoint.expires_at <= max(now, setpoint.valid_from):
        return f"{who}: {name} had expired at {setpoint.expires_at:%Y-%m-%d %H:%M:%S} UTC; it is {now:%H:%M:%S}"
    return Order(setpoint=setpoint, device=device, command=command, value=command.as_held(setpoint.value))


Writes = tuple[date, int]
"""A UTC day, and how often was written on it."""


class WriteBudget:
    """How often registers that wear out were written today; `tell` hears of each write before it goes out."""

    def __init__(self, tell: Callable[[Key, Writes], None] | None = None) -> None:
        self._writes, self._tell = dict[Key, Writes](), tell

    def spent(self, order: Order, now: datetime) -> str | None:
        """Words for an order that is one too many today; None: it may be written."""
        allowed = order.command.spec.writes_per_day
        if allowed is None or (number := self._number(order.key, now)) < allowed:
            return None
        return f"written {number} times today; allowed: {allowed} a day, because the register wears out"

    def count(self, order: Order, now: datetime) -> None:
        """The order is about to be written, or released."""
        if order.command.spec.writes_per_day is None:
            return
        self._writes[order.key] = now.date(), self._number(order.key, now) + 1
        if self._tell:
            self._tell(order.key, self._writes[order.key])

    def restore(self, written: Mapping[Key, Writes]) -> None:
        """What was written before a restart."""
        self._writes.update(written)

    def _number(self, key: Key, now: datetime) -> int:
        day, number = self._writes.get(key, (now.date(), 0))
        return number if day == now.date() else 0
