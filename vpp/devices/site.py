"""A site: which devices there are, where they are reached, and what may be written to them. One YAML file."""

import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vpp.devices.device import Device
from vpp.devices.grid_limit import FAILSAFE_S
from vpp.devices.link import Forbidden, is_serial, networks, require_allowed
from vpp.devices.profile import Profile, Seconds, load_profiles
from vpp.domain import Mistake, Mistakes, nearest


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TlsSpec(_Strict):
    """Files beside the site file: who may be the device, and who we are (mutual TLS)."""

    ca: str
    certificate: str | None = None
    key: str | None = None


class DeviceSpec(_Strict):
    id: str = Field(min_length=1)
    profile: str
    host: str
    """IP address, or the path of a serial port."""
    port: int | None = Field(None, ge=1, le=65535)
    """Default: the profile's."""
    unit: int | None = Field(None, ge=0, le=255)
    rating_kw: float | None = Field(None, gt=0)
    writable: bool | list[str] = False
    """false: only read; true: every setpoint; or the names of the setpoints that may be written."""
    transport: dict[str, Any] = {}
    """What differs from the profile's `transport`."""


class LimitSpec(_Strict):
    """A limit of the grid operator on some devices together."""

    name: str = Field(min_length=1)
    kind: Literal["consumption", "generation"] = "consumption"
    devices: list[str] = Field(min_length=1)
    failsafe_kw: float = Field(ge=0)
    """What holds together when the signal is lost."""
    failsafe: Seconds = Field(FAILSAFE_S[0], ge=FAILSAFE_S[0], le=FAILSAFE_S[1])
    maximum_kw: float = Field(1e6, gt=0)
    """The most a limit may say."""


class SiteSpec(_Strict):
    site: str
    allowed: list[str] = Field(min_length=1)
    """Networks and serial ports that may be contacted."""
    profiles: str | None = None
    """A folder beside the file with profiles of one's own."""
    tls: TlsSpec | None = None
    devices: list[DeviceSpec]
    limits: list[LimitSpec] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    name: str
    allowed: tuple[str, ...]
    devices: tuple[Device, ...]
    limits: tuple[LimitSpec, ...] = ()
    tls: ssl.SSLContext | None = None


def load_site(path: Path, profiles: Mapping[str, Profile]) -> Site:
    """Read a site file; raises Mistakes, all of them at once."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        problem = f"cannot be read: {getattr(error, 'strerror', error)}"
        raise Mistakes([Mistake(where=path.name, what="", problem=problem)]) from None
    except yaml.YAMLError as error:
        problem = "is not YAML: " + " ".join(str(error).split())
        raise Mistakes([Mistake(where=path.name, what="", problem=problem)]) from None
    try:
        spec = SiteSpec.model_validate(data)
    except ValidationError as error:
        raise Mistakes(
            Mistake(where=path.name, what=".".join(map(str, e["loc"])), problem=str(e["msg"])) for e in error.errors()
        ) from None
    own = load_profiles(path.parent / spec.profiles) if spec.profiles else {}
    return _site(spec, path, {**profiles, **own})


def _site(spec: SiteSpec, path: Path, profiles: Mapping[str, Profile]) -> Site:
    mistakes, devices, named = list[Mistake](), dict[str, Device](), set[str]()
    try:
        allowed = networks(spec.allowed)
    except ValueError as problem:
        raise Mistakes([Mistake(where=path.name, what="allowed", problem=f"{problem}; allowed: 10.0.0.0/8")]) from None
    made = _Profiles(profiles)
    for number, d in enumerate(spec.devices):
        what = f"devices.{number} '{d.id}'"
        try:
            if d.id in named:
                raise ValueError("is given twice; allowed: one device per asset")
            named.add(d.id)
            if d.profile not in profiles:
                known = nearest(d.profile, profiles)
                raise ValueError(f"profile '{d.profile}' is unknown{known}; allowed: {', '.join(sorted(profiles))}")
            require_allowed(d.host, allowed)
            devices[d.id] = _device(d, made.with_transport(d.profile, d.transport))
        except Mistakes as found:
            mistakes += [Mistake(where=path.name, what=what, problem=str(m)) for m in found.mistakes]
        except (Forbidden, ValueError) as problem:
            mistakes.append(Mistake(where=path.name, what=what, problem=str(problem)))
    for limit in spec.limits:
        for unknown in sorted(set(limit.devices) - named):
            problem = f"device '{unknown}' is unknown{nearest(unknown, named)}; allowed: devices of this site"
            mistakes.append(Mistake(where=path.name, what=f"limits '{limit.name}'", problem=problem))
    tls = None
    if spec.tls:
        try:
            tls = _tls(spec.tls, path.parent)
        except (OSError, ssl.SSLError) as problem:
            mistakes.append(Mistake(where=path.name, what="tls", problem=f"{problem}; allowed: PEM files"))
    if mistakes:
        raise Mistakes(mistakes)
    return Site(
        name=spec.site, allowed=tuple(spec.allowed), devices=tuple(devices.values()), limits=tuple(spec.limits), tls=tls
    )


class _Profiles:
    """Devices with the same profile and the same differing transport share one object, and so one layout."""

    def __init__(self, profiles: Mapping[str, Profile]) -> None:
        self._profiles, self._made = profiles, dict[tuple[str, str], Profile]()

    def with_transport(self, name: str, transport: Mapping[str, Any]) -> Profile:
        profile, key = self._profiles[name], (name, repr(sorted(transport.items())))
        if not transport:
            return profile
        if key not in self._made:
            merged = {**profile.transport.model_dump(), **transport}
            try:
                changed = type(profile.transport).model_validate(merged)
            except ValidationError as error:
                said = "; ".join(f"transport.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
                raise ValueError(said) from None
            self._made[key] = profile.model_copy(update={"transport": changed})
        return self._made[key]


def _device(spec: DeviceSpec, profile: Profile) -> Device:
    t = profile.transport
    writable = spec.writable if isinstance(spec.writable, bool) else frozenset(spec.writable)
    if not isinstance(writable, bool) and (unknown := sorted(writable - set(profile.setpoints))):
        names = ", ".join(profile.setpoints) or "none: it is only read"
        raise ValueError(f"writable: '{unknown[0]}' is no setpoint of '{profile.profile}'; allowed: {names}")
    return Device(
        asset_id=spec.id, profile=profile, host=spec.host,
        port=0 if is_serial(spec.host) else spec.port or t.port,
        unit=t.unit if spec.unit is None else spec.unit,
        rating_kw=spec.rating_kw, writable=writable,
    )  # fmt: skip


def _tls(spec: TlsSpec, folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(folder / spec.ca))
    context.check_hostname = False  # devices are dialled by address; the CA alone says who is one
    if spec.certificate:
        context.load_cert_chain(folder / spec.certificate, folder / spec.key if spec.key else None)
    return context


RATINGS: Mapping[str, tuple[str, ...]] = {
    "pv": ("peak_kw",), "battery": ("max_discharge_kw", "max_charge_kw"), "heat_pump": ("max_power_kw",),
    "chp": ("max_power_kw",), "gas_boiler": ("max_heat_kw",), "ev_charger": ("max_power_kw", "max_charge_kw"),
}  # fmt: skip
"""Columns of a nameplate that tell a device's rating; the largest counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What the registry of assets knows about a device."""

    id: str
    kind: str
    profile: str
    address: str
    """host:port/unit"""
    nameplate: Mapping[str, Any]


def registered_site(
    assets: Iterable[Registered], profiles: Mapping[str, Profile], allowed: Iterable[str], *, writable: bool
) -> Site:
    """A site from the registry; raises Mistakes for addresses and profiles that make no sense."""
    allowed = tuple(allowed)
    found, mistakes = registered_devices(assets, profiles, allowed, writable=writable)
    if mistakes:
        raise Mistakes(mistakes)
    return Site(name="registry", allowed=allowed, devices=tuple(found))


def registered_devices(
    assets: Iterable[Registered], profiles: Mapping[str, Profile], allowed: Sequence[str], *, writable: bool
) -> tuple[list[Device], list[Mistake]]:
    """Devices of the registry, and what is wrong with those that are none."""
    devices, mistakes, permitted = list[Device](), list[Mistake](), networks(allowed)
    for a in assets:
        try:
            place, _, unit = a.address.partition("/")
            host, _, port = place.rpartition(":")
            if a.profile not in profiles:
                raise ValueError(f"profile '{a.profile}' is unknown; allowed: {', '.join(sorted(profiles))}")
            require_allowed(host.strip("[]"), permitted)
            rating = max((float(a.nameplate.get(c) or 0) for c in RATINGS.get(a.kind, ())), default=0.0)
            devices.append(
                Device(
                    asset_id=a.id, profile=profiles[a.profile], host=host.strip("[]"), port=int(port),
                    unit=int(unit or 1), rating_kw=rating or None, writable=writable,
                )
            )  # fmt: skip
        except Mistakes as found:
            mistakes += found.mistakes
        except (Forbidden, ValueError) as problem:
            mistakes.append(Mistake(where=f"asset '{a.id}'", what=a.address, problem=str(problem)))
    return devices, mistakes
