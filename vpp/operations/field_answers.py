"""What the field service answers behind its local door: status, orders, signals of the grid operator, release."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from vpp.domain import Priority, Setpoint, SetpointKind
from vpp.operations.field_limits import is_of_the_market
from vpp.store import StoreError

if TYPE_CHECKING:
    from vpp.operations.field_service import FieldService

log = logging.getLogger(__name__)


async def answer(it: "FieldService", request: Mapping[str, Any]) -> Mapping[str, Any]:
    """One request of the local door."""
    match request.get("do"):
        case "status":
            return await it.status(details=True, device=request.get("device"))
        case "order":
            ordered = _ordered(it, request)
            events = await it.give([ordered])
            became = {"setpoint": str(ordered.id), "kind": ordered.kind.value, "value": ordered.value,
                      "became": events[-1].state.value if events else "known before"}  # fmt: skip
            it.in_background(_audit(it, request, "order", ordered.asset_id, became))
            return {"events": [{"state": e.state.value, "detail": e.detail} for e in events]}
        case "limit":
            return await _limit(it, request)
        case "heartbeat":
            _named(it, request).heartbeat(it.clock.now())
            return {"ok": True}
        case "release":
            words = f"{request['issuer']}: {request['reason']}"
            events = await it.field.withdraw(it.held, words, is_of_the_market)
            ended = {e.setpoint_id for e in events}
            await _audit(it, request, "release", "field", {"orders": len(ended)})
            return {"events": [{"state": e.state.value, "detail": e.detail} for e in events]}
        case other:
            raise ValueError(f"'{other}' is unknown; allowed: status, order, limit, heartbeat, release")


def _ordered(it: "FieldService", request: Mapping[str, Any]) -> Setpoint:
    now = it.clock.now()
    until = now + timedelta(seconds=float(request["seconds"]))
    kind = SetpointKind(request.get("kind", "target"))
    priority = Priority[request.get("priority", "SETPOINT")]
    if priority is Priority.GRID_LIMIT:
        raise ValueError("priority GRID_LIMIT is kept for the limits of the site file; allowed: SETPOINT")
    return Setpoint(
        id=UUID(request["id"]) if "id" in request else uuid4(), asset_id=str(request["asset"]), kind=kind,
        value=float(request["value"]), valid_from=now, expires_at=until,
        priority=priority, reason=str(request["reason"]), issuer=str(request["issuer"]),
    )  # fmt: skip


def _named(it: "FieldService", request: Mapping[str, Any]) -> Any:
    name = str(request["limit"])
    if name not in it.limits.limits:
        known = ", ".join(it.limits.limits) or "none: the site file has no limits"
        raise ValueError(f"limit '{name}' is unknown; allowed: {known}")
    return it.limits.limits[name]


async def _limit(it: "FieldService", request: Mapping[str, Any]) -> Mapping[str, Any]:
    limit, now = _named(it, request), it.clock.now()
    seconds = request.get("seconds")
    refused = limit.receive(
        float(request["value_kw"]), now, active=bool(request.get("active", True)),
        duration_s=None if seconds is None else float(seconds),
    )  # fmt: skip
    await it.obey()
    after = {key: request.get(key) for key in ("value_kw", "active", "seconds")} | {"refused": refused}
    await _audit(it, request, "grid limit", limit.name, after)
    return {"refused": refused, "state": limit.state.value, "limit_kw": limit.limit_kw(now)}


async def _audit(
    it: "FieldService", request: Mapping[str, Any], action: str, object: str, after: Mapping[str, Any]
) -> None:
    """Into the store's audit log where there is one; who and why are asked of everybody."""
    who, why = str(request.get("issuer", "unknown")), str(request.get("reason", ""))
    log.info("%s by %s: %s (%s)", action, who, after, why)
    if (store := it.recorder.store) is not None:
        try:
            note = {**after, "reason": why}
            await asyncio.to_thread(store.audit, who, action, object, None, note, it.clock.now())
        except StoreError as problem:
            log.warning("not audited: %s", problem)
