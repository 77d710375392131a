"""The hand of the setpoint protocol: what of an order crosses the wire, and when it did last."""

from collections.abc import Callable
from datetime import datetime, timedelta

from vpp.devices.admission import WriteBudget
from vpp.devices.device import Device
from vpp.devices.link import Link, LinkError
from vpp.devices.orders import Key, Order
from vpp.devices.ramp import step_s
from vpp.devices.sequence import read_back, stranger, write_steps
from vpp.domain import Clock, Message, Priority, SetpointKind, SetpointState, said

VERIFY_PAUSE_S = 0.2
"""Between two read-backs while the device still shows something else."""


class Hand:
    """Writes, reads back and releases; every write is counted before it goes out."""

    def __init__(self, link_of: Callable[[Device], Link], clock: Clock, budget: WriteBudget) -> None:
        self._link_of, self._clock, self._budget = link_of, clock, budget
        self._recognised = set[Device]()
        self.written = dict[Key, datetime]()
        """When the device was last written to, as far as it may hold what was written."""

    async def recognise(self, device: Device, priority: Priority) -> Message | str | None:
        """What says that this is not the device of its profile; asked until it was once the right one."""
        if device not in self._recognised and (wrong := await stranger(self._link_of(device), device, priority)):
            return wrong
        self._recognised.add(device)
        return None

    async def write(self, order: Order, priority: Priority) -> None:
        """Its value, or the step of its ramp; `LinkError` if an answer is missing or a refusal."""
        link, command = self._link_of(order.device), order.command
        order.beat += 1
        self._budget.count(order, self._clock.now())
        value = order.value if order.at is None else order.at
        await write_steps(link, order.device, command, command.steps, value, order.beat, priority, self._clock)
        self.written[order.key] = now = self._clock.now()
        every = command.spec.hold.refresh_s if order.at is None else step_s(command)
        order.next_try = now + timedelta(seconds=every) if every else None

    def holds(self, order: Order, before: Order) -> bool:
        """Whether the device holds an order already, because the one before lies within the dead-band."""
        timeout, now = order.command.spec.hold.device_timeout, self._clock.now()
        written = self.written.get(order.key)
        fresh = written is not None and (timeout is None or now < written + timedelta(seconds=timeout))
        near = abs(order.value - before.value) <= order.command.deadband
        if order.command.kind is SetpointKind.LIMIT:
            near = near and before.value <= order.value  # a limit in force may be stricter, never looser
        ended = before.state in (SetpointState.RELEASED, SetpointState.EXPIRED)
        return near and fresh and before.verified_at is not None and not ended

    async def mismatch(self, order: Order, priority: Priority) -> Message | None:
        """What the device shows instead of the order; `LinkError` without an answer."""
        seen = await read_back(self._link_of(order.device), order.device, order.command, priority)
        return order.command.mismatch(seen, order.value)

    async def comes_to_show(
        self, order: Order, priority: Priority, within_s: float, wanted: Callable[[Order], bool]
    ) -> Message | str | None:
        """Read back until the device shows the order (None), the time is up, or it is not wanted any more."""
        until = self._clock.now() + timedelta(seconds=within_s)
        while True:
            try:
                problem = await self.mismatch(order, priority)
            except LinkError as silent:
                problem = str(silent)
            left = (until - self._clock.now()).total_seconds()
            if problem is None or left <= 0 or not wanted(order):
                return problem
            await self._clock.sleep(min(VERIFY_PAUSE_S, left))

    async def withdraw(self, order: Order) -> bool:
        """Write the release steps; True: all were echoed."""
        link, command = self._link_of(order.device), order.command
        priority = min(order.setpoint.priority, Priority.SETPOINT)
        self._budget.count(order, self._clock.now())
        try:
            await write_steps(link, order.device, command, command.release, 0.0, 0, priority, self._clock)
        except LinkError:
            return False
        return True

    async def gone(self, order: Order) -> Message | None:
        """What a device shows that no longer holds an order of before the restart; None: it holds it, or is silent."""
        try:
            return await self.mismatch(order, Priority.SETPOINT)
        except LinkError:
            return None

    def forgotten(self, order: Order, reason: str) -> Message | None:
        """Why the order ends though its release was not confirmed; None: the device may still hold it."""
        hold, written = order.command.spec.hold, self.written.get(order.key)
        if written is None:
            return said("%(reason)s; it was never accepted", reason=reason)
        if hold.device_timeout is None or self._clock.now() < written + timedelta(seconds=hold.device_timeout):
            return None
        does = hold.on_loss if isinstance(hold.on_loss, str) else f"{order.command.fallback:g} kW"
        return said("%(reason)s; the device's own time-out of %(timeout_s)s has passed: %(does)s", reason=reason,
                    timeout_s=hold.device_timeout, does=does)  # fmt: skip
