"""Plan a case and keep the plan with what it was made from."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from models.dispatch import Effort, optimise
from vpp.cases import tables_of
from vpp.domain import AssetType, Case, Plan
from vpp.milp import Progress, Templates
from vpp.store import Run, Store

__all__ = ["Effort", "Templates", "inputs_hash", "keep", "plan", "stored"]


def plan(
    case: Case, asset_types: Mapping[str, AssetType], effort: Effort, templates: Templates | None = None,
    progress: Progress | None = None, previous: Plan | None = None,
) -> Plan:  # fmt: skip
    """The best plan within the effort: always one, always labelled. Without one in time what is left of `previous`."""
    return optimise(case, asset_types, effort, templates=templates, progress=progress, previous=previous)


def keep(
    store: Store, kind: str, plan: Plan, hash: str, started: datetime, inputs: Mapping[str, Any] | None = None
) -> UUID:
    """Store a plan as a run of this kind, with the hash of its case and what it was made from; returns its id."""
    run_id = uuid4()
    store.save_run(run_id, kind, plan, hash, started, inputs)
    return run_id


def stored(store: Store, run_id: UUID) -> Run:
    """The run as the store has it."""
    run = store.load_run(run_id)
    assert run is not None, f"run {run_id} was stored a moment ago"
    return run


def inputs_hash(case: Case, asset_types: Mapping[str, AssetType]) -> str:
    """SHA-256 of everything a plan depends on: equal cases have equal hashes."""
    whole = tables_of(case, asset_types)
    text = json.dumps(
        [whole.tables, whole.market, whole.penalties, whole.horizon.start, whole.horizon.steps,
         whole.horizon.step_minutes],
        default=lambda value: value.tolist() if hasattr(value, "tolist") else str(value), sort_keys=True,
    )  # fmt: skip
    return hashlib.sha256(text.encode()).hexdigest()
