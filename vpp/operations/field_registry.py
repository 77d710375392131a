"""Which devices a field has: those that are registered, looked up again and again, and remembered beside the store.

Started while the database is away, the service finds in its folder who was registered last.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from vpp.devices import Device, Profile
from vpp.devices.site import Registered, Site, registered_devices
from vpp.store import RegisteredAsset, Store
from vpp.store.registry_state import RegistryState, registry_state

Place = tuple[str, str, int, int, float | None]


def place_of(device: Device) -> Place:
    """What makes it the same device."""
    return device.profile.profile, device.host, device.port, device.unit, device.rating_kw


class FieldRegistry:
    """Registered devices are ordered, not only read: whoever registers one has proved it before."""

    def __init__(self, profiles: Mapping[str, Profile], allowed: Sequence[str], file: Path) -> None:
        """`allowed`: networks that may be contacted; `file` remembers."""
        self._profiles, self._allowed, self._file = profiles, tuple(allowed), file
        self._state: RegistryState | None = None
        self.refused = dict[str, str]()
        """Registered, but not contacted, and why; by asset."""

    def remembered(self) -> Site:
        """The site as it was last known; without devices where nothing was."""
        rows = json.loads(self._file.read_text(encoding="utf-8")) if self._file.exists() else []
        return Site(name="registry", allowed=self._allowed, devices=tuple(self._devices(Registered(**r) for r in rows)))

    def ask(self, store: Store) -> Sequence[Device] | None:
        """The devices of now; None: nothing has changed since the last question."""
        state = registry_state(store)
        if state == self._state:
            return None
        rows = [r for asset in store.assets() if (r := _registered(asset)) is not None]
        text = json.dumps(
            [{"id": r.id, "kind": r.kind, "profile": r.profile, "address": r.address, "nameplate": dict(r.nameplate)}
             for r in rows]
        )  # fmt: skip
        shadow = self._file.with_suffix(".new")
        shadow.write_text(text, encoding="utf-8")
        shadow.replace(self._file)
        self._state = state
        return self._devices(rows)

    def _devices(self, rows: Iterable[Registered]) -> list[Device]:
        devices, mistakes = registered_devices(rows, self._profiles, self._allowed, writable=True)
        self.refused = {m.where: str(m) for m in mistakes}
        return devices


def _registered(asset: RegisteredAsset) -> Registered | None:
    """None: an asset without a device."""
    if not asset.profile or not asset.address:
        return None
    return Registered(
        id=asset.id, kind=asset.kind, profile=asset.profile, address=asset.address, nameplate=asset.nameplate
    )
