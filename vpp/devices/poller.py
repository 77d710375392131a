"""Reading a device: every point of a group with its quality; nothing old, nothing guessed."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import overload

from vpp.devices.blocks import Block, Value
from vpp.devices.device import Device, unread
from vpp.devices.link import Link, LinkError
from vpp.domain import Clock, Priority, Quality, Reading


class Batch(Sequence[Reading]):
    """What one round of one device brought: readings that are made when somebody looks at them."""

    __slots__ = ("_parts", "asset_id", "group")

    def __init__(self, asset_id: str, group: str, parts: Sequence[tuple[datetime, Mapping[str, Value]]]) -> None:
        self.asset_id, self.group, self._parts = asset_id, group, parts

    def __len__(self) -> int:
        return sum(len(values) for _, values in self._parts)

    def __iter__(self) -> Iterator[Reading]:
        asset_id = self.asset_id
        for at, values in self._parts:
            for name, (value, quality) in values.items():
                yield Reading(asset_id=asset_id, point=name, at=at, value=value, quality=quality)

    @overload
    def __getitem__(self, index: int) -> Reading: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Reading]: ...
    def __getitem__(self, index: int | slice) -> Reading | Sequence[Reading]:
        return list(self)[index]

    def qualities(self) -> Iterator[tuple[datetime, Quality]]:
        """Time and quality of each point."""
        for at, values in self._parts:
            for _, quality in values.values():
                yield at, quality

    def value_of(self, point: str) -> Value:
        """Value and quality of one point; KeyError."""
        for _, values in self._parts:
            if point in values:
                return values[point]
        raise KeyError(point)


async def read(
    device: Device,
    group: str,
    clock: Clock,
    link: Link,
    priority: Priority = Priority.FAST,
    problems: dict[str, LinkError] | None = None,
) -> list[Reading]:
    """One cadence group. No answer gives readings with quality BAD and no value; why is left in `problems`."""
    return list(await poll(device, group, clock, link, priority, problems))


async def poll(
    device: Device,
    group: str,
    clock: Clock,
    link: Link,
    priority: Priority = Priority.FAST,
    problems: dict[str, LinkError] | None = None,
) -> Batch:
    """As `read`."""
    parts, problem = list[tuple[datetime, Mapping[str, Value]]](), None
    for block in device.layout.plan(group):
        values = unread(block.names)
        if problem is None or problem.reachable:
            values, failure = await _values(device, block, link, priority)
            problem = failure or problem
        parts.append((clock.now(), values))
    if problems is not None:
        problems.pop(device.asset_id, None)
        if problem is not None:
            problems[device.asset_id] = problem
    return Batch(device.asset_id, group, parts)


def nothing_read(device: Device, group: str, clock: Clock) -> Batch:
    """Every point of a group, bad."""
    names = tuple(n for n, p in device.profile.points.items() if p.group == group)
    return Batch(device.asset_id, group, [(clock.now(), unread(names))])


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
