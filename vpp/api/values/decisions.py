"""What people decide instead of the optimiser."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from vpp.api.values.basics import Given, Instant, Magnitude, Name, Number, Shown, Text, example


class NewOverride(Given):
    """`lock` needs value_kw; `exclude` needs nothing more."""

    model_config = example(
        kind="lock",
        target="battery-h01",
        value_kw=-5.0,
        until="2025-04-06T14:00:00+02:00",
        reason="test of the inverter",
    )

    kind: Literal["lock", "exclude"]
    target: Name
    value_kw: Number | None = None
    """Injection-positive."""
    start: Instant | None = None
    """null: now."""
    until: Instant
    reason: Text


class NewLimit(Given):
    """At most this net power of an asset, a group or a node; at least one of both."""

    model_config = example(
        target="transformer-1", max_import_kw=120.0, until="2025-04-06T14:00:00+02:00", reason="§ 14a EnWG"
    )

    target: Name
    max_import_kw: Magnitude | None = None
    max_export_kw: Magnitude | None = None
    start: Instant | None = None
    until: Instant
    reason: Text


class Override(Shown):
    override_id: UUID
    kind: str
    target: str
    value_kw: float | None
    max_import_kw: float | None
    max_export_kw: float | None
    start: datetime
    until: datetime
    author: str
    reason: str
    created: datetime


class NewRelease(Given):
    """Hand devices back to their own control."""

    model_config = example(target=None, until="2025-04-06T14:00:00+02:00", reason="work on the transformer")

    target: Name | None = None
    """An asset; null: every asset that takes orders."""
    until: Instant
    reason: Text
