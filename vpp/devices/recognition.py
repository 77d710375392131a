"""Which registers a SunSpec device really has: scanned once, before anything else is read or written."""

import asyncio
from dataclasses import replace

from vpp.devices.device import Device
from vpp.devices.link import Garbage, Link
from vpp.devices.profile import Profile
from vpp.devices.sunspec import Chain, chain_of, read_exponents, scan
from vpp.domain import Mistakes, Priority, said


class Chains:
    """What was found, so that devices with the same chain share one profile and one layout."""

    def __init__(self) -> None:
        self._done = set[str]()
        self._locks = dict[str, asyncio.Lock]()
        self._made = dict[tuple[int, Chain, tuple[tuple[str, int], ...]], Profile]()

    def lacks(self, device: Device) -> bool:
        """Whether the device must be scanned first."""
        return device.profile.sunspec is not None and device.asset_id not in self._done

    async def resolved(self, device: Device, link: Link, priority: Priority) -> Device:
        """The device with the registers of its own chain; raises LinkError, also when a model is missing."""
        async with self._locks.setdefault(device.asset_id, asyncio.Lock()):
            chain = await scan(link, device.unit, priority)
            where = {"host": f"{device.host}:{device.port}", "unit": f"{device.unit}"}
            if chain is None:
                raise Garbage(
                    said("%(host)s unit %(unit)s: no SunSpec device: 'SunS' is not at 40000, 0 or 50000", **where)
                )
            exponents = await read_exponents(link, device.unit, chain, device.profile.written_factors(), priority)
            try:
                profile = self._profile(device.profile, chain, exponents)
            except Mistakes as mistakes:
                first = mistakes.mistakes[0]
                raise Garbage(
                    said("%(host)s unit %(unit)s: not the device of its profile: %(problem)s", **where, problem=first)
                ) from None
            self._done.add(device.asset_id)
            return replace(device, profile=profile) if profile is not device.profile else device

    def _profile(self, assumed: Profile, chain: Chain, exponents: dict[str, int]) -> Profile:
        spec = assumed.sunspec
        assert spec is not None
        as_assumed = {name: spec.exponents.get(name, 0) for name in exponents}
        if chain == chain_of(spec.base, spec.models) and exponents == as_assumed:
            return assumed
        key = id(assumed), chain, tuple(sorted(exponents.items()))
        if key not in self._made:
            self._made[key] = assumed.for_chain(chain, exponents)
        return self._made[key]
