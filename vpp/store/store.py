"""Everything the platform remembers, through one door."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import numpy as np

from vpp.domain import Array, Plan, Reading, Setpoint, SetpointEvent, Unit
from vpp.store import assets as _assets
from vpp.store import audit as _audit
from vpp.store import runs as _runs
from vpp.store import series as _series
from vpp.store import setpoints as _setpoints
from vpp.store import telemetry as _telemetry
from vpp.store.connection import Database
from vpp.store.migrate import migrate, migrations


class Store:
    """A PostgreSQL database, 15 or newer. Threads may share it.

    A call that returns has committed; one that raises has stored nothing. All of them may be repeated: what is
    already there is neither stored twice nor changed. Times are aware, and come back in UTC.
    """

    def __init__(self, dsn: str, *, connections: int = 4, patience_s: float = 10.0) -> None:
        """Connect, with at most so many connections; a call waits `patience_s` for one, then `StoreUnavailable`."""
        self._database = Database(dsn, connections=connections, patience_s=patience_s)
        self._keys = _telemetry.Keys()
        self._prepared: set[date] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()

    def migrate(self) -> list[str]:
        """Bring the schema up to date; return the names of the migrations that ran."""
        with self._database.connection() as connection:
            return migrate(connection, migrations())

    @property
    def database(self) -> Database:
        """For the modules of this package."""
        return self._database

    # Assets

    def register(
        self, units: Sequence[Unit], profiles: Mapping[str, str], addresses: Mapping[str, str], now: datetime
    ) -> int:
        """Add assets, or change those that differ, from `now` on; return how many did.

        `profiles` and `addresses` (host:port/unit) are by asset id. What an asset was before is kept.
        """
        with self._database.transaction() as connection:
            return _assets.register(connection, units, profiles, addresses, now)

    def retire(self, asset_ids: Sequence[str], now: datetime) -> int:
        """The assets are out of use from `now`; return how many were in use."""
        with self._database.transaction() as connection:
            return _assets.retire(connection, asset_ids, now)

    def assets(self, at: datetime | None = None) -> list[_assets.RegisteredAsset]:
        """The assets in use by id, as they are now, or as they were at a time."""
        with self._database.connection() as connection:
            return _assets.assets(connection, at)

    # Readings

    def store_readings(self, readings: Sequence[Reading]) -> int:
        """Store readings of registered assets; return how many were new. The first of a point and time stays."""
        days = _telemetry.days_of(readings)
        self.prepare_days(sorted(days))
        with self._database.connection() as connection:
            asset_keys = self._keys.assets(connection, (r.asset_id for r in readings))
            point_keys = self._keys.points(connection, (r.point for r in readings))
            with connection.transaction():
                return _telemetry.store_readings(connection, readings, asset_keys, point_keys)

    def prepare_days(self, days: Iterable[date]) -> None:
        """Make the partitions of these UTC days. Storing does it too, but then waits for whoever reads just now."""
        for day in days:
            if day not in self._prepared:
                with self._database.transaction() as connection:
                    _telemetry.prepare_day(connection, day)
                self._prepared.add(day)

    def latest(self) -> dict[tuple[str, str], Reading]:
        """The newest reading of each (asset id, point), whatever its quality."""
        with self._database.connection() as connection:
            return _telemetry.latest(connection)

    def readings(self, asset_id: str, point: str, start: datetime, end: datetime) -> list[Reading]:
        """From `start` until just before `end`, in order of time."""
        with self._database.connection() as connection:
            return _telemetry.readings(connection, asset_id, point, start, end)

    # Prices and forecasts

    def save_prices(
        self,
        series: str,
        starts: Sequence[datetime],
        values: Sequence[float] | Array,
        recorded: datetime,
        source: str,
        licence: str,
    ) -> int:
        """Store a revision, EUR/MWh; return how many values differ from what was known at `recorded`."""
        with self._database.transaction() as connection:
            return _series.save_prices(connection, series, starts, values, recorded, source, licence)

    def prices(
        self, series: str, start: datetime, end: datetime, known_at: datetime | None = None
    ) -> dict[datetime, float]:
        """EUR/MWh by start of interval, from `start` until just before `end`; as known now, or at a time."""
        with self._database.connection() as connection:
            return _series.prices(connection, series, start, end, known_at)

    def save_forecast(
        self,
        series: str,
        issued: datetime,
        start: datetime,
        step: timedelta,
        values: Sequence[float] | Array,
        quantile: float = 0.5,
        *,
        model: str,
    ) -> bool:
        """Store one issue, mean over each step; False when it is there already. A correction is a new issue."""
        forecast = _series.Forecast(
            series=series, issued=issued, start=start, step=step,
            values=np.asarray(values, dtype=np.float64), quantile=quantile, model=model,
        )  # fmt: skip
        with self._database.transaction() as connection:
            return _series.save_forecast(connection, forecast)

    def forecast_as_of(self, series: str, at: datetime, quantile: float = 0.5) -> _series.Forecast | None:
        """The newest issue that was known at that time."""
        with self._database.connection() as connection:
            return _series.forecast_as_of(connection, series, at, quantile)

    # Runs

    def save_run(self, run_id: UUID, kind: str, plan: Plan, inputs_hash: str, started: datetime) -> bool:
        """Store a run with its whole plan; False when it is there already."""
        with self._database.transaction() as connection:
            return _runs.save_run(connection, run_id, kind, plan, inputs_hash, started)

    def load_run(self, run_id: UUID) -> _runs.Run | None:
        with self._database.connection() as connection:
            return _runs.load_run(connection, run_id)

    def newest_run(self, kind: str, at: datetime) -> UUID | None:
        """The last run of this kind that had started at that time."""
        with self._database.connection() as connection:
            return _runs.newest_run(connection, kind, at)

    # Setpoints

    def save_setpoints(self, setpoints: Sequence[Setpoint]) -> int:
        """Store orders; return how many were new."""
        with self._database.transaction() as connection:
            return _setpoints.save_setpoints(connection, setpoints)

    def save_events(self, events: Sequence[SetpointEvent]) -> int:
        """Store what became of orders that were saved before; return how many were new."""
        with self._database.transaction() as connection:
            return _setpoints.save_events(connection, events)

    def setpoints(self, expiring_after: datetime) -> list[Setpoint]:
        """Orders that end after that time, in order of their start."""
        with self._database.connection() as connection:
            return _setpoints.setpoints(connection, expiring_after)

    def setpoint_states(self, expiring_after: datetime | None = None) -> dict[UUID, SetpointEvent]:
        """The last event of each order that has one; of all, or of those that end after a time."""
        with self._database.connection() as connection:
            return _setpoints.setpoint_states(connection, expiring_after)

    def setpoint_events(self, setpoint_id: UUID) -> list[SetpointEvent]:
        """The history of one order, in order of time."""
        with self._database.connection() as connection:
            return _setpoints.setpoint_events(connection, setpoint_id)

    # Audit

    def audit(self, actor: str, action: str, object: str, before: Any, after: Any, at: datetime) -> _audit.AuditHead:
        """Log who changed what; `before` and `after` are mappings, dataclasses or None. Return the new head."""
        with self._database.transaction() as connection:
            return _audit.audit(connection, actor, action, object, before, after, at)

    def verify_audit(self, noted: _audit.AuditHead | None = None) -> _audit.AuditCheck:
        """Compute the whole chain again; with a head noted earlier, also that nothing was cut off."""
        with self._database.transaction() as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            return _audit.verify_audit(connection, noted)
