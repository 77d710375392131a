"""Reading a device: every point of a group with its quality; nothing old, nothing guessed."""

from vpp.devices.blocks import Block, Value
from vpp.devices.device import Device, unread
from vpp.devices.link import Link, LinkError
from vpp.domain import Clock, Priority, Quality, Reading


async def read(
    device: Device, group: str, clock: Clock, link: Link, priority: Priority = Priority.FAST
) -> list[Reading]:
    """One cadence group. No answer gives readings with quality BAD and no value."""
    readings, reached = list[Reading](), True
    for block in device.layout.plan(group):
        values = unread(block.names)
        if reached:
            values, reached = await _values(device, block, link, priority)
        at = clock.now()
        readings += [
            Reading(asset_id=device.asset_id, point=name, at=at, value=value, quality=quality)
            for name, (value, quality) in values.items()
        ]
    return readings


async def _values(device: Device, block: Block, link: Link, priority: Priority) -> tuple[dict[str, Value], bool]:
    """The block's values, and whether the device is worth a further question."""
    try:
        words = await link.read(device.unit, block.fc, block.start, block.count, priority)
    except LinkError as problem:
        return unread(block.names), problem.reachable
    return block.decode(words), True


def is_usable(reading: Reading) -> bool:
    """Whether a reading may prove that an order took effect."""
    return reading.value is not None and reading.quality in (Quality.GOOD, Quality.SUSPECT, Quality.SUBSTITUTED)
