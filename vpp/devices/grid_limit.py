"""A limit set by the grid operator, with the semantics of EEBUS LPC and LPP, and the minimum power of § 14a EnWG.

LPC (limitation of power consumption) and LPP (of production) are one state machine: a limit with a duration, a
heartbeat, and a failsafe limit for when the heartbeat is lost. Source: EEBUS use cases LPC and LPP, V1.0.0, as
implemented by open energy managers (evcc, EVerest); not certified.

One rule is ours and stricter: a limit that was active when its signal died stays in force beside the failsafe limit
until its duration has passed (the smaller one counts).
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

HEARTBEAT_S, HEARTBEAT_LOST_S = 60.0, 120.0
"""The sender's period, and the silence after which it is lost (EEBUS LPC)."""
FAILSAFE_S = (2 * 3600.0, 24 * 3600.0)
"""Least and longest time that the failsafe limit is kept (EEBUS LPC)."""


class LimitState(StrEnum):
    INIT = "init"
    """Just started, nothing heard yet: the failsafe limit holds."""
    UNLIMITED_CONTROLLED = "unlimited/controlled"
    LIMITED = "limited"
    FAILSAFE = "failsafe"
    """The heartbeat is lost: the failsafe limit holds."""
    UNLIMITED_AUTONOMOUS = "unlimited/autonomous"
    """Nobody controls: no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A limit as it was received."""

    value_kw: float
    active: bool
    at: datetime
    until: datetime | None = None
    """End of its duration; None: until told otherwise."""

    def holds(self, now: datetime) -> bool:
        return self.active and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A transition, for the log."""

    at: datetime
    before: LimitState
    after: LimitState
    why: str


class GridLimit:
    """One limit of one connection. Times are given; call `tick` at least every second."""

    def __init__(
        self,
        name: str,
        *,
        failsafe_kw: float,
        started: datetime,
        failsafe_s: float = FAILSAFE_S[0],
        maximum_kw: float = math.inf,
        heartbeat_lost_s: float = HEARTBEAT_LOST_S,
    ) -> None:
        """`maximum_kw`: the most a limit may say (nominal power); more is refused."""
        if not (math.isfinite(failsafe_kw) and failsafe_kw >= 0):
            raise ValueError(f"limit '{name}': failsafe_kw {failsafe_kw:g}; allowed: ≥ 0 kW")
        if not FAILSAFE_S[0] <= failsafe_s <= FAILSAFE_S[1]:
            raise ValueError(f"limit '{name}': failsafe duration {failsafe_s:g} s; allowed: 7200 … 86400 s")
        self.name, self.failsafe_kw, self.failsafe_s, self.maximum_kw = name, failsafe_kw, failsafe_s, maximum_kw
        self.state, self.since = LimitState.INIT, started
        self.heard: Heard | None = None
        self.heartbeat_at: datetime | None = None
        self.changes: list[Change] = []
        self._lost_s = heartbeat_lost_s

    def limit_kw(self, now: datetime) -> float | None:
        """What holds now, kW ≥ 0; None: no limit."""
        active = self.heard.value_kw if self.heard and self.heard.holds(now) else math.inf
        match self.state:
            case LimitState.INIT | LimitState.FAILSAFE:
                return min(self.failsafe_kw, active)
            case LimitState.LIMITED:
                return active if active < math.inf else None
            case _:
                return None

    def heartbeat(self, now: datetime) -> None:
        """The sender lives. Alone it changes no state: a limit must follow."""
        if not self._is_alive(now):
            self._alive_since = now
        self.heartbeat_at = now

    _alive_since: datetime | None = None
    """When the heartbeat came (back)."""

    def receive(self, value_kw: float, now: datetime, *, active: bool, duration_s: float | None = None) -> str:
        """A limit from the grid operator, who thereby lives. Empty: accepted; else why it is refused."""
        if not (math.isfinite(value_kw) and 0 <= value_kw <= self.maximum_kw):
            return f"limit '{self.name}': {value_kw:g} kW is refused; allowed: 0 … {self.maximum_kw:g} kW"
        if duration_s is not None and not (math.isfinite(duration_s) and duration_s > 0):
            return f"limit '{self.name}': a duration of {duration_s:g} s is refused; allowed: > 0 s"
        self.heartbeat(now)
        until = now + timedelta(seconds=duration_s) if duration_s is not None and active else None
        self.heard = Heard(value_kw=value_kw, active=active, at=now, until=until)
        self._go(LimitState.LIMITED if active else LimitState.UNLIMITED_CONTROLLED, now, self._words())
        return ""

    def tick(self, now: datetime) -> None:
        """What the passing of time does."""
        s = LimitState
        alive, waited = self._is_alive(now), (now - self.since).total_seconds()
        match self.state:
            case s.INIT if waited >= self._lost_s:
                self._go(s.UNLIMITED_AUTONOMOUS, now, f"no limit was heard within {self._lost_s:g} s of the start")
            case s.LIMITED | s.UNLIMITED_CONTROLLED if not alive:
                self._go(s.FAILSAFE, now, f"no heartbeat for {self._lost_s:g} s")
            case s.LIMITED if self.heard is None or not self.heard.holds(now):
                self._go(s.UNLIMITED_CONTROLLED, now, "the limit's duration has passed")
            case s.FAILSAFE if alive and self._quiet_after_return(now):
                self._go(s.UNLIMITED_AUTONOMOUS, now, f"heartbeat, but no limit within {self._lost_s:g} s")
            case s.FAILSAFE if not alive and waited >= self.failsafe_s and not (self.heard and self.heard.holds(now)):
                self._go(s.UNLIMITED_AUTONOMOUS, now, f"the failsafe duration of {self.failsafe_s:g} s has passed")
            case _:
                pass

    def _quiet_after_return(self, now: datetime) -> bool:
        since = self._alive_since
        silent = since is not None and (now - since).total_seconds() >= self._lost_s
        return silent and not (self.heard and self.heard.holds(now))

    def _is_alive(self, now: datetime) -> bool:
        return self.heartbeat_at is not None and (now - self.heartbeat_at).total_seconds() < self._lost_s

    def _words(self) -> str:
        h = self.heard
        if h is None or not h.active:
            return "the limit was lifted"
        return f"limited to {h.value_kw:g} kW" + (f" until {h.until:%Y-%m-%d %H:%M:%S} UTC" if h.until else "")

    def _go(self, state: LimitState, now: datetime, why: str) -> None:
        if state is not self.state or state is LimitState.LIMITED:
            self.changes.append(Change(at=now, before=self.state, after=state, why=why))
            del self.changes[:-100]
        if state is not self.state:
            self.state, self.since = state, now

    def as_json(self) -> dict[str, Any]:
        """What outlives the process."""
        h = self.heard
        return {
            "state": self.state.value, "since": self.since.isoformat(),
            "heartbeat_at": self.heartbeat_at.isoformat() if self.heartbeat_at else None,
            "heard": None if h is None else {
                "value_kw": h.value_kw, "active": h.active, "at": h.at.isoformat(),
                "until": h.until.isoformat() if h.until else None,
            },
        }  # fmt: skip

    def restore(self, saved: Mapping[str, Any], now: datetime) -> None:
        """After a restart: a limit, or a failsafe state, is taken up as if the heartbeat had just been lost."""
        if (h := saved.get("heard")) is not None:
            until = datetime.fromisoformat(h["until"]) if h["until"] else None
            self.heard = Heard(
                value_kw=float(h["value_kw"]), active=bool(h["active"]), at=datetime.fromisoformat(h["at"]), until=until
            )
        state, since = LimitState(saved["state"]), datetime.fromisoformat(saved["since"])
        if state is LimitState.FAILSAFE:
            self.state, self.since = state, since
        elif state is LimitState.LIMITED and self.heard and self.heard.holds(now):
            self._go(LimitState.FAILSAFE, now, "restarted while limited")
        elif self.heard is not None:
            self.heard = replace(self.heard, active=self.heard.holds(now))


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumPower:
    """Parameters of § 14a EnWG from a dated file."""

    rule: str
    source: str
    device_kw: float
    large_share: float
    large_from_kw: float
    simultaneity: Mapping[int, float]

    def of_device(self, kind: Literal["heat_pump", "air_conditioning", "other"], rating_kw: float) -> float:
        """Direct control: what one device may always draw, kW."""
        large = kind != "other" and rating_kw > self.large_from_kw
        return max(self.device_kw, self.large_share * rating_kw) if large else self.device_kw

    def of_connection(self, devices: int, heat_pumps_kw: float = 0.0, air_conditioning_kw: float = 0.0) -> float:
        """Behind an energy manager: what all devices together may always draw, kW. Sums of ratings by kind."""
        if devices < 1:
            raise ValueError(f"{devices} controllable devices; allowed: 1 or more")
        rest = (devices - 1) * self._factor(devices) * self.device_kw
        if max(heat_pumps_kw, air_conditioning_kw) > self.large_from_kw:
            large = self.large_share * max(heat_pumps_kw, air_conditioning_kw)
            return max(large, self.device_kw) + rest
        return self.device_kw + rest

    def _factor(self, devices: int) -> float:
        if devices < 2:
            return 0.0
        return self.simultaneity[min(devices, max(self.simultaneity))]


def minimum_power(file: Path) -> MinimumPower:
    """Read the parameters, e.g. `assets/rules/14a-2025.toml`."""
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    m = data["minimum"]
    return MinimumPower(
        rule=data["rule"], source=data["source"], device_kw=m["device_kw"], large_share=m["large_share"],
        large_from_kw=m["large_from_kw"], simultaneity={int(n): f for n, f in m["simultaneity"].items()},
    )  # fmt: skip
