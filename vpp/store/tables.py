"""What an export holds: tables in the order they are imported, and what of them belongs to a time or an owner."""

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg import Connection

from vpp.store.connection import Row

_RUNS = "SELECT run_id FROM vpp.run WHERE start >= %(start)s AND start < %(end)s"
_ORDERS = "SELECT setpoint_id FROM vpp.setpoint WHERE valid_from >= %(start)s AND valid_from < %(end)s"
_OWN = "SELECT asset_key FROM vpp.asset WHERE owner_key = %(owner)s"
_OWN_SINCE = """EXISTS (SELECT FROM vpp.asset a
WHERE a.asset_key = t.asset_key AND a.owner_key = %(owner)s AND t.{time} >= a.owned_from)"""
_OWN_ID_SINCE = """EXISTS (SELECT FROM vpp.asset a
WHERE a.id = t.asset_id AND a.owner_key = %(owner)s AND t.{time} >= a.owned_from)"""
_OWN_ORDER = _OWN_ID_SINCE.format(time="expires_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of `vpp`; `t` is its name in the conditions."""

    name: str
    order: str
    """Columns of its key."""
    own: str | None
    """What of it is an owner's; None: nothing."""
    within: str = "true"
    """What of it is from %(start)s until just before %(end)s; by default all."""
    daily: str | None = None
    """Column of time by which it is written in a file per UTC day."""


def _timed(name: str, order: str, time: str, own: str | None, *, daily: bool = False) -> Table:
    within = f"t.{time} >= %(start)s AND t.{time} < %(end)s"
    return Table(name=name, order=order, own=own, within=within, daily=time if daily else None)


_NAMED = r"""('(?<!\w)' || regexp_replace(%(name)s, '(\W)', '\\\1', 'g') || '(?!\w)')"""
"""The name as a whole word, as erasing takes it: what anna takes along says nothing of susanna."""

_ANSWERED = "t.created >= %(start)s AND t.created < %(end)s AND t.kind = 'what-if' AND t.state IN ('done', 'failed')"

TABLES = (
    Table(name="owner", order="owner_key", own="t.owner_key = %(owner)s"),
    Table(name="owner_login", order="login", own=None),
    Table(name="asset", order="asset_key", own="t.owner_key = %(owner)s"),
    Table(name="asset_before", order="asset_key, valid_from",
          own=f"t.owner_key = %(owner)s AND t.asset_key IN ({_OWN})"),
    Table(name="metric", order="metric_key", own="true"),
    Table(name="series", order="series_key", own="t.owner_key = %(owner)s"),
    _timed("telemetry", "asset_key, metric_key, at", "at", _OWN_SINCE.format(time="at"), daily=True),
    _timed("telemetry_core", "asset_key, at", "at", _OWN_SINCE.format(time="at"), daily=True),
    _timed("telemetry_15m", "asset_key, metric_key, start", "start", _OWN_SINCE.format(time="start"), daily=True),
    Table(name="latest", order="asset_key, metric_key", own=_OWN_SINCE.format(time="at")),
    _timed("dirty", "asset_key, hour", "hour", None),
    Table(name="dropped", order="one", own=None),
    _timed("price", "series_key, start, recorded", "start", None),
    _timed("forecast", "series_key, issued, quantile", "start",
           "t.series_key IN (SELECT series_key FROM vpp.series WHERE owner_key = %(owner)s)"),
    _timed("run", "run_id", "start", None),
    Table(name="schedule", order="run_id, quantity, asset_id", own=_OWN_ID_SINCE.format(time="start"),
          within=f"t.run_id IN ({_RUNS})"),
    Table(name="reason", order="run_id, asset_id", own=None, within=f"t.run_id IN ({_RUNS})"),
    Table(name="release", order="release_id", own=None, within=f"t.run_id IN ({_RUNS})"),
    _timed("handover", "note_id", "written", None),
    _timed("setpoint", "setpoint_id", "valid_from", _OWN_ORDER),
    Table(name="setpoint_event", order="seq", within=f"t.setpoint_id IN ({_ORDERS})",
          own=f"t.setpoint_id IN (SELECT setpoint_id FROM vpp.setpoint t WHERE {_OWN_ORDER})"),
    Table(name="registration", order="registration_id", own="t.owner_key = %(owner)s"),
    Table(name="agreement", order="agreement_id", own="t.owner_key = %(owner)s"),
    Table(name="habit", order="asset_id",
          own="t.asset_id IN (SELECT id FROM vpp.asset WHERE owner_key = %(owner)s)"),
    Table(name="grid", order="valid_from", own=None),
    Table(name="dispatch", order="kind, start, cause", own=None,
          within=f"t.start >= %(start)s AND t.start < %(end)s AND (t.run_id IS NULL OR t.run_id IN ({_RUNS}))"),
    _timed("override", "override_id", "start", None),
    Table(name="job", order="job_id", own=None, within=_ANSWERED),  # of other long work the files would be missing
    _timed("commissioning", "asset_id, started", "started", _OWN_ID_SINCE.format(time="started")),
    _timed("verdict", "asset_id, start", "start", _OWN_ID_SINCE.format(time="start")),
    Table(name="audit", order="seq", own=f"vpp.audit_content(t::vpp.audit) ~ {_NAMED}"),
)  # fmt: skip
LEFT_OUT = {
    "mastr_unit": "public data: imported again from the register's own export",
    "migration": "says what the tables look like",
    "part": "what the parts of the platform were doing a moment ago",
    "person": "log-ins are made anew: an export holds no hashes of secrets",
    "session": "as person",
    "token": "as person",
    "setup": "as person",
}
"""Tables that no export holds, and why."""

_COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum) FROM pg_attribute
WHERE attrelid = %s::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
_UNITS = {
    "_kw": "kW", "_kwh": "kWh", "_v": "V", "_degc": "°C", "_eur": "EUR", "_eur_per_mwh": "EUR/MWh", "soc": "0 … 1",
    "_minutes": "min", "co2_t": "t",
}  # fmt: skip
_NAMED_BY = {"value": "as the name of its metric or series ends", "vals": "as the name of its series or quantity ends",
             "sum": "as the name of its metric ends", "min": "as the name of its metric ends",
             "max": "as the name of its metric ends"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the database has it."""

    name: str
    type: str
    """PostgreSQL's name."""
    meaning: str | None

    @property
    def unit(self) -> str | None:
        """None: it has none."""
        if self.name in _NAMED_BY:
            return _NAMED_BY[self.name]
        fitting = [ending for ending in _UNITS if self.name.endswith(ending)]
        return _UNITS[max(fitting, key=len)] if fitting and self.type.startswith(("double", "integer")) else None

    def as_json(self) -> Mapping[str, str]:
        named = {"name": self.name, "type": self.type, "unit": self.unit, "meaning": self.meaning}
        return {key: value for key, value in named.items() if value is not None}


def columns(connection: Connection[Row], table: Table) -> list[Column]:
    return [Column(*row) for row in connection.execute(_COLUMNS, (f"vpp.{table.name}",))]
