"""What the platform is doing, in short: its parts' own words, the plans of the last hours, the age of every input."""

from datetime import datetime, timedelta
from typing import Any

from vpp.domain import MARKET_ZONE
from vpp.store import Store
from vpp.store.dispatching import input_ages, parts, records

SHOWN = timedelta(hours=3)


def overview(store: Store, now: datetime) -> dict[str, Any]:
    """Plain values; times are local, with their offset."""
    return {
        "now": _local(now),
        "says": [{"name": p.name, "at": _local(p.at), "saying": p.saying, "details": dict(p.details)}
                 for p in parts(store)],
        "plans": [{"kind": r.kind, "start": _local(r.start), "label": r.label, "orders": r.orders, "why": r.why}
                  for r in records(store, now - SHOWN, now + timedelta(days=2))],
        "inputs": [{"name": name, "at": _local(at), "age": _age(now - at)} for name, at in input_ages(store, now)],
    }  # fmt: skip


def _local(at: datetime) -> str:
    return at.astimezone(MARKET_ZONE).isoformat(timespec="seconds")


def _age(span: timedelta) -> str:
    """`3 min old`, `26.5 h old`."""
    minutes = span.total_seconds() / 60
    return f"{minutes:.0f} min old" if minutes < 120 else f"{minutes / 60:.1f} h old"
