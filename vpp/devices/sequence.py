"""The steps of an order on the wire: write, read back, recognise the device."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from vpp.devices.blocks import Value
from vpp.devices.device import Command, Device, Wait, Write
from vpp.devices.link import Link, Refused
from vpp.devices.profile import Identity
from vpp.devices.registers import Register, size_of
from vpp.domain import Clock, Message, Priority, said

BUSY_TRIES, BUSY_PAUSE_S = 3, 1.0
"""A busy device is asked again after 1 to 2 s (notes of several inverter makers)."""


async def write_steps(
    link: Link,
    device: Device,
    command: Command,
    steps: Sequence[Write | Wait],
    value: float,
    beat: int,
    priority: Priority,
    clock: Clock,
) -> None:
    """Write a sequence; each write is echoed or raises a LinkError."""
    timeout_s = command.spec.hold.device_timeout or 0.0
    for step in steps:
        if isinstance(step, Wait):
            await clock.sleep(step.seconds)
            continue
        words = step.words(value, timeout_s, beat)
        for left in reversed(range(BUSY_TRIES)):
            try:
                await link.write(device.unit, step.fc, step.register.at, words, priority)
                break
            except Refused as refusal:
                if refusal.code != Refused.BUSY or not left:
                    raise
                await clock.sleep(BUSY_PAUSE_S)


async def read_back(link: Link, device: Device, command: Command, priority: Priority) -> dict[str, Value]:
    """The points that prove the order; raises LinkError."""
    seen = dict[str, Value]()
    for block in command.proof:
        seen |= block.decode(await link.read(device.unit, block.fc, block.start, block.count, priority))
    return seen


async def stranger(link: Link, device: Device, priority: Priority) -> Message | None:
    """Why this is not the device of the profile; None: it is. Raises LinkError."""
    for mark in device.profile.identity:
        count = mark.length or (1 if mark.type == "string" else size_of(mark.type))
        words = await link.read(device.unit, 3, mark.at, count, priority)
        found = _text(mark, words)
        if not fnmatchcase(found, str(mark.match)):
            return said("register %(register)s holds '%(found)s'; profile '%(profile)s' needs '%(needed)s'",
                        register=f"{mark.at}", found=found,
                        profile=device.profile.profile, needed=f"{mark.match}")  # fmt: skip
    return None


def _text(mark: Identity, words: Sequence[int]) -> str:
    if mark.type == "string":
        raw = b"".join(word.to_bytes(2, "big") for word in words)
        return raw.rstrip(b"\0 ").decode("latin-1")
    value = Register(at=mark.at, type=mark.type).decode(words)
    return "nothing" if value is None else f"{value:.10g}"
