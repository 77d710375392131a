"""What the field service tells of itself: health, links, devices, orders, as plain data."""

import asyncio
import os
from datetime import datetime
from typing import TYPE_CHECKING, Any

from vpp.devices import Device, Field
from vpp.devices.orders import Order
from vpp.operations.verdicts import summary_of

if TYPE_CHECKING:
    from vpp.operations.field_service import FieldService

AT_ONCE = 100
"""So many devices are looked at before others get their turn, and no more are told with all their points."""


async def status(it: "FieldService", *, details: bool, device: str | None = None) -> dict[str, Any]:
    """Health as plain data; with `details` of every link, device and order, and points of few devices or one."""
    now, p = it.clock.now(), it.rounds.punctuality
    readings, events = it.recorder.waiting
    states = list[tuple[Device, str]]()
    for number, each in enumerate(list(it.field.devices.values())):
        states.append((each, it.board.state(each.asset_id)))
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)  # reading goes on meanwhile
    summary: dict[str, Any] = {
        "running": True, "site": it.site.name, "pid": os.getpid(), "started": it.started.isoformat(),
        "at": now.isoformat(),
        "devices": {s: sum(1 for _, state in states if state == s) for s in ("well", "partly", "bad", "unread")},
        "links": {
            "open": sum(link.connected for link in it.field.links.values()), "all": len(it.field.links),
        },
        "orders": len(it.field.orders),
        "uncertain": sum(o.uncertain for o in it.field.orders.values()),
        "poll": {
            "rounds": p.started, "skipped": p.skipped,
            "lateness_p50_ms": round(1e3 * p.quantile(0.5), 1), "lateness_p99_ms": round(1e3 * p.quantile(0.99), 1),
        },
        "limits": it.limits.as_json(now),
        "database": {
            "used": it.recorder.store is not None, "problem": it.recorder.problem,
            "waiting_readings": readings, "waiting_events": events,
            "stored_readings": it.recorder.kept.stored_readings,
            "dropped_readings": it.recorder.kept.dropped_readings,
            "thinned_readings": it.recorder.thinned, "refused": it.recorder.kept.refused,
        },
        "verdicts": summary_of(it.judging.last),
        "loops": {name: {"restarts": it.restarts, "problem": it.problem} for name, it in it.loops.items()},
    }  # fmt: skip
    if details:
        chosen = [(each, state) for each, state in states if device in (None, each.asset_id)]
        few = len(chosen) <= AT_ONCE
        summary |= {
            "link_list": [_link(it.field, place) for place in it.field.links],
            "device_list": [_device(it, each, state, now, points=few) for each, state in chosen],
            "order_list": [
                *(_order(order, behind=False) for order in it.field.orders.values()),
                *(_order(order, behind=True) for order in it.field.behind.values()),
            ],
        }
    return summary


def _link(field: Field, place: tuple[str, int]) -> dict[str, Any]:
    link = field.links[place]
    t = link.tally
    since = None if t.last_answer is None else round(asyncio.get_running_loop().time() - t.last_answer, 1)
    return {
        "place": f"{place[0]}:{place[1]}", "open": link.connected, "requests": t.requests, "failures": t.failures,
        "connects": t.connects, "answered_s_ago": since, "problem": t.problem,
    }  # fmt: skip


def _device(it: "FieldService", device: Device, state: str, now: datetime, *, points: bool) -> dict[str, Any]:
    shown = {
        r.point: {"value": r.value, "quality": r.quality.value, "age_s": round((now - r.at).total_seconds(), 1)}
        for r in (it.board.of(device.asset_id) if points else ())
    }
    return {
        "id": device.asset_id, "profile": device.profile.profile, "state": state,
        "place": f"{device.host}:{device.port}/{device.unit}",
        "problem": it.field.problems_of(device.asset_id), "when_silent": device.when_silent, "points": shown,
    }  # fmt: skip


def _order(order: Order, *, behind: bool) -> dict[str, Any]:
    s = order.setpoint
    return {
        "id": str(s.id), "asset": s.asset_id, "order": order.words, "state": order.state.value,
        "until": s.expires_at.isoformat(), "issuer": s.issuer, "reason": s.reason,
        "uncertain": order.uncertain and not behind, "behind": behind, "ramps_at": order.at,
        "when_silent": order.command.when_silent,
    }  # fmt: skip
