"""An order that is approached step by step, where a profile asks for `ramp_kw_per_s`.

A grid operator's limit does not ramp: it must win within a second. Nor does a release: what the device then does is its
own business.
"""

from vpp.devices.device import Command, Device, Wait
from vpp.devices.link import Link
from vpp.devices.orders import Order
from vpp.domain import Priority, SetpointKind

STEP_S = 1.0
"""Between two steps, unless the profile's min_interval is longer."""


def step_s(command: Command) -> float:
    """Seconds between two writes of a ramp."""
    pauses = sum(step.seconds for step in command.steps if isinstance(step, Wait))
    return max(STEP_S, command.spec.min_interval, pauses)


def ramps(order: Order) -> bool:
    return order.command.ramp is not None and order.setpoint.priority is not Priority.GRID_LIMIT


async def origin(order: Order, link: Link, device: Device, priority: Priority) -> float | None:
    """Where a ramp begins, kW: the order before, else what is measured now; None: write the order itself at once.

    A limit that is above the present power changes nothing and needs no ramp. Raises LinkError.
    """
    command = order.command
    if order.origin is not None:
        return order.origin
    measured: float | None = None
    assert command.spec.effect
    for block in command.start:
        seen = block.decode(await link.read(device.unit, block.fc, block.start, block.count, priority))
        measured = seen[command.spec.effect.point][0]
    if measured is None:
        return None
    if command.kind is SetpointKind.LIMIT:
        measured = measured if command.spec.limits == "generation" else -measured
        if measured <= order.value:
            return None
    return min(max(measured, command.low), command.high)


def advanced(order: Order, since: float) -> float | None:
    """One step on from `since`, kW; None: the order itself is within one step."""
    assert order.command.ramp is not None
    step, way = order.command.ramp * step_s(order.command), order.value - since
    return None if abs(way) <= step * (1 + 1e-9) else since + (step if way > 0 else -step)
