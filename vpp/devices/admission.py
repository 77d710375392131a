"""Whether an order may be given at all: kind, range, release for writing, the grid operator's limit, worn registers."""

from collections.abc import Mapping
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


class WriteBudget:
    """How often registers that wear out were written today."""

    def __init__(self) -> None:
        self._writes = dict[Key, tuple[date, int]]()

    def spent(self, order: Order, now: datetime) -> str | None:
        """Words for an order that is one too many today; None: it is counted, and may be written."""
        allowed, today = order.command.spec.writes_per_day, now.date()
        if allowed is None:
            return None
        day, number = self._writes.get(order.key, (today, 0))
        number = number if day == today else 0
        if number >= allowed:
            return f"written {number} times today; allowed: {allowed} a day, because the register wears out"
        self._writes[order.key] = today, number + 1
        return None
