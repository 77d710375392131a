"""Grid operators' limits on the devices of a site: shared out by rating, above every order of the market."""

import json
import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from vpp.devices import Device, Field
from vpp.devices.grid_limit import GridLimit
from vpp.devices.orders import Key
from vpp.devices.site import LimitSpec
from vpp.domain import Message, Priority, Setpoint, SetpointKind, said

VALID_S = 900.0
"""How long one order of a limit is valid; it is renewed at half of that."""
ISSUER = "grid limit"


def is_ours(setpoint: Setpoint) -> bool:
    """An order that a limit gave."""
    return setpoint.issuer == ISSUER


def is_of_the_market(setpoint: Setpoint) -> bool:
    return setpoint.issuer != ISSUER


class LimitKeeper:
    """Turns each limit into orders to its devices, and remembers it over a restart."""

    def __init__(self, field: Field, limits: Iterable[LimitSpec], file: Path, now: datetime) -> None:
        self._field, self._file = field, file
        self._specs = {spec.name: spec for spec in limits}
        self.limits = {
            spec.name: GridLimit(
                spec.name, failsafe_kw=spec.failsafe_kw, failsafe_s=spec.failsafe, maximum_kw=spec.maximum_kw,
                started=now,
            )
            for spec in self._specs.values()
        }  # fmt: skip
        self._given = dict[Key, Setpoint]()
        self._displaced = dict[Key, Setpoint]()
        """Orders of the market that a limit has pushed aside."""
        self._saved = ""
        saved = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        for name, state in saved.items():
            if name in self.limits:
                self.limits[name].restore(state, now)

    def unable(self, name: str) -> list[str]:
        """Devices of a limit that cannot be limited."""
        spec = self._specs[name]
        return [d for d in spec.devices if self._setpoint(self._field.devices[d], spec) is None]

    def due(self, now: datetime) -> tuple[list[Setpoint], list[Key]]:
        """Orders to give, and keys to withdraw, so that the devices obey the limits of this moment."""
        for limit in self.limits.values():
            limit.tick(now)
        wanted = self._wanted(now)
        self._save()
        give = list[Setpoint]()
        for key, (kind, value, why) in wanted.items():
            held = self._given.get(key)
            renew = held is not None and held.expires_at - now < timedelta(seconds=VALID_S / 2)
            if held is not None and held.value == value and not renew:
                continue
            present = self._field.orders.get(key)
            # Of limits the stricter holds and the other stays; a target is pushed aside.
            if present and present.setpoint.issuer != ISSUER and kind is SetpointKind.TARGET:
                self._displaced[key] = present.setpoint
            give.append(self._order(key[0], kind, value, why, now))
            self._given[key] = give[-1]
        lifted = [key for key in self._given if key not in wanted]
        for key in lifted:
            del self._given[key]
        return give, lifted

    def again(self, keys: Iterable[Key], now: datetime) -> list[Setpoint]:
        """Orders of the market that may now take effect again, until their own end, where no newer one is in force."""
        aside = [(key, self._displaced.pop(key)) for key in keys if key in self._displaced]
        back = [setpoint for key, setpoint in aside if key not in self._field.orders]
        return [
            replace(s, id=uuid4(), valid_from=now, reason=f"{_again(s.reason)}")
            for s in back
            if (s.expires_at - now).total_seconds() > 1
        ]

    def _wanted(self, now: datetime) -> dict[Key, tuple[SetpointKind, float, str]]:
        wanted = dict[Key, tuple[SetpointKind, float, str]]()
        self._field.bounds.clear()
        for name, limit in self.limits.items():
            together = limit.limit_kw(now)
            if together is None:
                continue
            spec = self._specs[name]
            why = f"{_limited(name, limit.state.value, together, spec.kind)}"
            able = [d for d in (self._field.devices[i] for i in spec.devices) if self._setpoint(d, spec)]
            ratings = {d.asset_id: d.rating_kw or 1.0 for d in able}
            for device in able:
                share = together * ratings[device.asset_id] / sum(ratings.values())
                self._one(device, spec, share, why, wanted)
        return wanted

    def _one(
        self,
        device: Device,
        spec: LimitSpec,
        share: float,
        why: str,
        wanted: dict[Key, tuple[SetpointKind, float, str]],
    ) -> None:
        setpoint = self._setpoint(device, spec)
        assert setpoint
        command, key = device.layout.commands[setpoint], (device.asset_id, setpoint)
        if setpoint == "power_limit_kw":
            value = max(command.low, min(command.high, share))
            before = wanted.get(key)
            if before is None or value < before[1]:
                wanted[key] = (SetpointKind.LIMIT, value, why)
            return
        low, high = (-share, math.inf) if spec.kind == "consumption" else (-math.inf, share)
        was = self._field.bounds.get(device.asset_id)
        low, high = (max(low, was[0]), min(high, was[1])) if was else (low, high)
        self._field.bounds[device.asset_id] = (low, high, f"{_bound(low, high, why)}")
        present = self._field.orders.get(key)
        ordered = present.setpoint.value if present else 0.0
        if present is None or present.setpoint.issuer == ISSUER or not low <= ordered <= high:
            value = max(low, min(high, ordered if present else 0.0))
            wanted[key] = (SetpointKind.TARGET, max(command.low, min(command.high, value)), why)

    def _setpoint(self, device: Device, spec: LimitSpec) -> str | None:
        """The setpoint by which a device can obey: its limit of the same direction, else its target."""
        commands = device.layout.commands
        limit = commands.get("power_limit_kw")
        if limit is not None and limit.spec.limits == spec.kind and device.may_write("power_limit_kw"):
            return "power_limit_kw"
        return "power_kw" if "power_kw" in commands and device.may_write("power_kw") else None

    def _order(self, asset_id: str, kind: SetpointKind, value: float, why: str, now: datetime) -> Setpoint:
        # A target stays replaceable by the market within its bounds; a limit does not.
        priority = Priority.GRID_LIMIT if kind is SetpointKind.LIMIT else Priority.SETPOINT
        return Setpoint(
            id=uuid4(), asset_id=asset_id, kind=kind, value=value, valid_from=now,
            expires_at=now + timedelta(seconds=VALID_S), priority=priority, reason=why, issuer=ISSUER,
        )  # fmt: skip

    def _save(self) -> None:
        text = json.dumps({name: limit.as_json() for name, limit in self.limits.items()})
        if text != self._saved:
            shadow = self._file.with_suffix(".new")
            shadow.write_text(text, encoding="utf-8")
            shadow.replace(self._file)
            self._saved = text

    def as_json(self, now: datetime) -> list[dict[str, Any]]:
        """For the status."""
        return [
            {
                "name": name, "kind": self._specs[name].kind, "state": limit.state.value,
                "limit_kw": limit.limit_kw(now), "since": limit.since.isoformat(),
                "devices": len(self._specs[name].devices), "cannot_be_limited": self.unable(name),
                "last": limit.changes[-1].why if limit.changes else "",
            }
            for name, limit in self.limits.items()
        ]  # fmt: skip


def _again(reason: str) -> Message:
    return said("again after the grid operator's limit: %(reason)s", reason=reason)


def _limited(name: str, state: str, kw: float, kind: str) -> Message:
    if kind == "consumption":
        return said("limit '%(name)s' (%(state)s): %(together_kw)s consumption together", name=name, state=state,
                    together_kw=kw)  # fmt: skip
    return said("limit '%(name)s' (%(state)s): %(together_kw)s generation together", name=name, state=state,
                together_kw=kw)  # fmt: skip


def _bound(low: float, high: float, why: str) -> Message:
    return said("%(low_value)s … %(high_kw)s (%(reason)s)", low_value=low, high_kw=high, reason=why)
