"""Reading a device: every point of a group with its quality; nothing old, nothing guessed."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import overload

from vpp.devices.blocks import Columns, Value
from vpp.devices.device import Device
from vpp.devices.link import Link, LinkError
from vpp.domain import Clock, Priority, Quality, Reading

Part = tuple[datetime, Sequence[str], Columns]
"""When a block was read, its points, and their values and qualities."""


class Batch(Sequence[Reading]):
    """What one round of one device brought: columns per block; readings are made when somebody looks at them."""

    __slots__ = ("_parts", "asset_id", "group")

    def __init__(self, asset_id: str, group: str, parts: Sequence[Part]) -> None:
        self.asset_id, self.group, self._parts = asset_id, group, parts

    def __len__(self) -> int:
        return sum(len(names) for _, names, _ in self._parts)

    def __iter__(self) -> Iterator[Reading]:
        asset_id = self.asset_id
        for at, names, (values, qualities) in self._parts:
            for name, value, quality in zip(names, values, qualities, strict=True):
                yield Reading(asset_id=asset_id, point=name, at=at, value=value, quality=quality)

    @overload
    def __getitem__(self, index: int) -> Reading: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Reading]: ...
    def __getitem__(self, index: int | slice) -> Reading | Sequence[Reading]:
        return list(self)[index]

    def qualities(self) -> Iterator[tuple[datetime, Quality]]:
        """Time and quality of each point."""
        for at, _, (_, qualities) in self._parts:
            for quality in qualities:
                yield at, quality

    def value_of(self, point: str) -> Value:
        """Value and quality of one point; KeyError."""
        for _, names, (values, qualities) in self._parts:
            if point in names:
                index = names.index(point)
                return values[index], qualities[index]
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
    parts, problem = list[Part](), None
    unit, now = device.unit, clock.now
    for block in device.layout.plan(group):
        columns = block.nothing
        if problem is None or problem.reachable:
            try:
                columns = block.columns(await link.read_bytes(unit, block.fc, block.start, block.count, priority))
            except LinkError as failure:
                problem = failure
        parts.append((now(), block.names, columns))
    if problems is not None:
        problems.pop(device.asset_id, None)
        if problem is not None:
            problems[device.asset_id] = problem
    return Batch(device.asset_id, group, parts)


def nothing_read(device: Device, group: str, clock: Clock) -> Batch:
    """Every point of a group, bad."""
    names = tuple(n for n, p in device.profile.points.items() if p.group == group)
    nothing = [None] * len(names), [Quality.BAD] * len(names)
    return Batch(device.asset_id, group, [(clock.now(), names, nothing)])


def is_usable(reading: Reading) -> bool:
    """Whether a reading may prove that an order took effect."""
    return reading.value is not None and reading.quality in (Quality.GOOD, Quality.SUSPECT, Quality.SUBSTITUTED)
