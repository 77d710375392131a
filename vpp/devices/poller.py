"""Reading a device: every point of a group with its quality; nothing old, nothing guessed."""

from vpp.devices.blocks import Block, Value
from vpp.devices.device import Device, unread
from vpp.devices.link import Link, LinkError
from vpp.domain import Clock, Priority, Quality, Reading


async def read(
    device: Device,
    group: str,
    clock: Clock,
    link: Link,
    priority: Priority = Priority.FAST,
    problems: dict[str, LinkError] | None = None,
) -> list[Reading]:
    """One cadence group. No answer gives readings with quality BAD and no value; why is left in `problems`."""
    readings, problem = list[Reading](), None
    for block in device.layout.plan(group):
        values = unread(block.names)
        if problem is None or problem.reachable:
            values, failure = await _values(device, block, link, priority)
            problem = failure or problem
        at = clock.now()
        readings += [
            Reading(asset_id=device.asset_id, point=name, at=at, value=value, quality=quality)
            for name, (value, quality) in values.items()
        ]
    if problems is not None:
        problems.pop(device.asset_id, None)
        if problem is not None:
            problems[device.asset_id] = problem
    return readings


def nothing_read(device: Device, group: str, clock: Clock) -> list[Reading]:
    """Every point of a group, bad."""
    at, names = clock.now(), [n for n, p in device.profile.points.items() if p.group == group]
    return [Reading(asset_id=device.asset_id, point=n, at=at, value=None, quality=Quality.BAD) for n in names]


async def _values(
    device: Device, block: Block, link: Link, priority: Priority
) -> tuple[dict[str, Value], LinkError | None]:
    """The block's values, and why there are none."""
    try:
        data = await link.read_bytes(device.unit, block.fc, block.start, block.count, priority)
    except LinkError as problem:
        return unread(block.names), problem
    return block.decode_bytes(data), None


def is_usable(reading: Reading) -> bool:
    """Whether a reading may prove that an order took effect."""
    return reading.value is not None and reading.quality in (Quality.GOOD, Quality.SUSPECT, Quality.SUBSTITUTED)
