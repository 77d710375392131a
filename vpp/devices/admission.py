"""Whether an order may be given at all: kind, range, release for writing, the grid operator's limit, worn registers."""

from collections.abc import Callable, Mapping
from datetime import date, datetime

from vpp.devices.device import Device
from vpp.devices.orders import Key, Order
from vpp.domain import Message, Setpoint, SetpointKind, said, utc


def admitted(
    setpoint: Setpoint, devices: Mapping[str, Device], bounds: Mapping[str, tuple[float, float, str]], now: datetime
) -> Order | Message:
    """The order, or why it is refused: who, what, the value, what is allowed."""
    device = devices.get(setpoint.asset_id)
    if device is None:
        return said("asset '%(asset)s' has no device in this field", asset=setpoint.asset_id)
    who = f"{device.profile.asset} '{device.asset_id}'"
    name = device.profile.setpoint_for(setpoint.kind)
    if name is None:
        allowed = ", ".join(device.profile.setpoints) or "none: it is only read"
        return said("%(who)s: profile '%(profile)s' takes no %(kind)s; allowed: %(allowed)s", who=who,
                    profile=device.profile.profile, kind=setpoint.kind, allowed=allowed)  # fmt: skip
    if not device.may_write(name):
        return said("%(who)s: %(the_point)s is not released for writing", who=who, the_point=name)
    command = device.layout.commands[name]
    if not command.allows(setpoint.value):
        return said(
            "%(who)s: %(the_point)s %(given_amount)s is outside %(low_value)s … %(high_amount)s", who=who,
            the_point=name, given_amount=f"{setpoint.value:g}{command.unit}", low_value=command.low,
            high_amount=f"{command.high:g}{command.unit}",
        )  # fmt: skip
    bound = bounds.get(setpoint.asset_id)
    if bound and setpoint.kind is SetpointKind.TARGET and not bound[0] <= setpoint.value <= bound[1]:
        return said("%(who)s: %(the_point)s %(given_kw)s; allowed by the grid operator's limit: %(allowed)s", who=who,
                    the_point=name, given_kw=setpoint.value, allowed=bound[2])  # fmt: skip
    if command.kind is SetpointKind.SWITCH and setpoint.value not in (0, 1):
        return said("%(who)s: %(the_point)s %(given_value)s; allowed: 0 or 1", who=who, the_point=name,
                    given_value=setpoint.value)  # fmt: skip
    if setpoint.expires_at <= max(now, setpoint.valid_from):
        return said("%(who)s: %(the_point)s had expired at %(end_utc)s UTC; it is %(now_utc)s UTC", who=who,
                    the_point=name, end_utc=utc(setpoint.expires_at), now_utc=utc(now))  # fmt: skip
    return Order(setpoint=setpoint, device=device, command=command, value=command.as_held(setpoint.value))


Writes = tuple[date, int]
"""A UTC day, and how often was written on it."""


class WriteBudget:
    """How often registers that wear out were written today; `tell` hears of each write before it goes out."""

    def __init__(self, tell: Callable[[Key, Writes], None] | None = None) -> None:
        self._writes, self._tell = dict[Key, Writes](), tell

    def spent(self, order: Order, now: datetime) -> Message | None:
        """Words for an order that is one too many today; None: it may be written."""
        allowed = order.command.spec.writes_per_day
        if allowed is None or (number := self._number(order.key, now)) < allowed:
            return None
        return said(
            "written %(times_count)s times today; allowed: %(most_count)s a day, because the register wears out",
            times_count=number, most_count=allowed,
        )  # fmt: skip

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
