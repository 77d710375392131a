"""Everything the platform remembers, through one door."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import numpy as np
from psycopg import Connection

from vpp.domain import Array, Judgement, Plan, Reading, Setpoint, SetpointEvent, Unit
from vpp.store import assets as _assets
from vpp.store import audit as _audit
from vpp.store import chunks as _chunks
from vpp.store import commissioning as _commissioning
from vpp.store import export as _export
from vpp.store import importing as _importing
from vpp.store import knowledge as _knowledge
from vpp.store import maintenance as _maintenance
from vpp.store import owners as _owners
from vpp.store import roles as _roles
from vpp.store import rollup as _rollup
from vpp.store import runs as _runs
from vpp.store import series as _series
from vpp.store import setpoints as _setpoints
from vpp.store import telemetry as _telemetry
from vpp.store import verdicts as _verdicts
from vpp.store.capabilities import Capabilities, read_capabilities
from vpp.store.commissioning import Commissioned
from vpp.store.connection import Database, Row, StoreError
from vpp.store.migrate import migrate, migrations, pending


class Store:
    """A PostgreSQL database, 15 or newer. Threads may share it.

    A call that returns has committed; one that raises has stored nothing. All of them may be repeated: what is
    already there is neither stored twice nor changed. Times are aware, and come back in UTC.
    """

    def __init__(
        self, dsn: str, *, connections: int = 4, patience_s: float = 10.0, answer_s: float | None = None
    ) -> None:
        """Connect, with at most so many connections; a call waits `patience_s` for one, then `StoreUnavailable`.

        `answer_s`: so does one whose statement has no answer by then; None: it waits as long as the connection lives.
        """
        self._database = Database(dsn, connections=connections, patience_s=patience_s, answer_s=answer_s)
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
        with self._database.unbounded() as connection:
            ran = migrate(connection, migrations())
            if _owners.arrange_role(connection):
                _roles.arrange(connection)
            return ran

    def pending(self) -> list[str]:
        """Names of the migrations that `migrate` would run."""
        with self._database.connection() as connection:
            return pending(connection, migrations())

    def capabilities(self) -> Capabilities:
        """What the server can do."""
        with self._database.connection() as connection:
            return read_capabilities(connection)

    def status(self) -> _maintenance.Status:
        """How much there is, for people."""
        with self._database.connection() as connection:
            return _maintenance.status(connection)

    @property
    def name(self) -> str:
        """The database, without its password."""
        return self._database.name

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

    def asset(self, id: str) -> _assets.RegisteredAsset | None:
        """One asset in use; None: there is none of this id."""
        with self._database.connection() as connection:
            return next(iter(_assets.assets(connection, None, id)), None)

    # Readings

    def store_readings(self, readings: Sequence[Reading]) -> int:
        """Store readings of registered assets; return how many were new. The first of a point and time stays."""
        days = _telemetry.days_of(readings)
        self.prepare_days(sorted(days))
        with self._database.connection() as connection:
            asset_keys = self._keys.assets(connection, (r.asset_id for r in readings))
            point_keys = self._keys.points(connection, (r.point for r in readings))
            core = self._keys.core(connection)
            with connection.transaction():
                staged = _telemetry.stage(connection, readings, asset_keys, point_keys, core)
                return _telemetry.store_staged(connection, staged, core) if staged else 0

    def prepare_days(self, days: Iterable[date]) -> None:
        """Make the partitions of these UTC days. Storing does it too, but then waits for whoever reads just now."""
        for day in days:
            if day not in self._prepared:
                with self._database.transaction() as connection:
                    _chunks.prepare_day(connection, day)
                self._prepared.add(day)

    def latest(self) -> dict[tuple[str, str], Reading]:
        """The newest reading of each (asset id, point), whatever its quality."""
        with self._database.connection() as connection:
            return _telemetry.latest(connection, self._keys)

    def readings(self, asset_id: str, point: str, start: datetime, end: datetime) -> list[Reading]:
        """From `start` until just before `end`, in order of time."""
        with self._database.connection() as connection:
            return _telemetry.readings(connection, asset_id, point, start, end)

    # Roll-up and upkeep

    def roll_up(self, most: int = 20_000) -> int:
        """Make the quarter-hours of hours with new readings again; return how many marks were taken.

        `most` in one transaction: about a million readings of minutes.
        """
        taken = 0
        while True:
            with self._database.transaction() as connection:
                marks = _rollup.roll_up(connection, most)
            taken += marks or 0
            if not marks or marks < most:
                return taken

    def means(
        self,
        point: str,
        start: datetime,
        end: datetime,
        bucket: _rollup.Bucket = _rollup.Bucket.QUARTER_HOUR,
        asset_ids: Sequence[str] | None = None,
    ) -> _rollup.Means:
        """Means of one point over buckets, from `start` until just before `end`; of all assets, or of some."""
        with self._database.connection() as connection:
            return _rollup.means(connection, point, start, end, bucket, asset_ids)

    def maintain(self, now: datetime, upkeep: _maintenance.Upkeep) -> _maintenance.Maintained:
        """Prepare the days to come, roll up, drop what need not be kept. Safe to run at any time, twice too."""
        self.prepare_days(now.astimezone(UTC).date() + timedelta(days=n) for n in range(upkeep.days_ahead + 1))
        rolled = self.roll_up()
        with self._database.connection() as connection:
            done = _maintenance.drop_and_compress(connection, now, upkeep, rolled)
        self._prepared = {day for day in self._prepared if day >= now.astimezone(UTC).date()}
        return done

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

    def forecasts_as_of(
        self, series: Sequence[str], at: datetime, quantile: float = 0.5
    ) -> dict[str, _series.Forecast]:
        """The newest issue of each series that was known at that time; those without one are left out."""
        with self._database.connection() as connection:
            return _knowledge.forecasts_as_of(connection, series, at, quantile)

    def known_at(self, at: datetime, start: datetime, end: datetime) -> _knowledge.Knowledge:
        """What was known at a time about `start` … `end`: assets, prices and forecasts as they stood then."""
        with self._snapshot() as connection:
            return _knowledge.known_at(connection, at, start, end)

    # Runs

    def save_run(
        self,
        run_id: UUID,
        kind: str,
        plan: Plan,
        inputs_hash: str,
        started: datetime,
        inputs: Mapping[str, Any] | None = None,
    ) -> bool:
        """Store a run with its whole plan; False when it is there already.

        `inputs` says by name what it was given, for those who ask later: series, options.
        """
        with self._database.transaction() as connection:
            return _runs.save_run(connection, run_id, kind, plan, inputs_hash, started, inputs)

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

    def orders_within(
        self, start: datetime, end: datetime, heard_by: datetime
    ) -> list[tuple[Setpoint, list[SetpointEvent]]]:
        """Orders that could be in force in this time, with what had become of each by `heard_by`."""
        with self._database.connection() as connection:
            return _verdicts.orders_within(connection, start, end, heard_by)

    def save_commissioning(self, commissioned: Commissioned) -> bool:
        """Keep a signed protocol with its asset; return whether it was new."""
        with self._database.transaction() as connection:
            return _commissioning.save_commissioning(connection, commissioned)

    def commissionings(self, asset_id: str) -> list[Commissioned]:
        """Signed protocols of an asset, the newest first."""
        with self._database.connection() as connection:
            return _commissioning.commissionings(connection, asset_id)

    def save_verdicts(self, verdicts: Sequence[Judgement]) -> int:
        """Keep what became of the orders of a quarter-hour; return how many are new or changed."""
        with self._database.transaction() as connection:
            return _verdicts.save_verdicts(connection, verdicts)

    def verdicts(
        self, since: datetime, until: datetime, asset_id: str | None = None, limit: int = 10_000
    ) -> list[Judgement]:
        """Of quarter-hours that begin in this time (of one asset), the newest first."""
        with self._database.connection() as connection:
            return _verdicts.verdicts(connection, since, until, asset_id, limit)

    def newest_verdict(self) -> datetime | None:
        """Start of the last quarter-hour with a verdict."""
        with self._database.connection() as connection:
            return _verdicts.newest_verdict(connection)

    # Audit

    def audit(self, actor: str, action: str, object: str, before: Any, after: Any, at: datetime) -> _audit.AuditHead:
        """Log who changed what; `before` and `after` are mappings, dataclasses or None. Return the new head."""
        with self._database.transaction() as connection:
            return _audit.audit(connection, actor, action, object, before, after, at)

    def verify_audit(self, noted: _audit.AuditHead | None = None) -> _audit.AuditCheck:
        """Compute the whole chain again; with a head noted earlier, also that nothing was cut off."""
        with self._snapshot() as connection:
            return _audit.verify_audit(connection, noted)

    # Owners

    def give(self, asset_ids: Sequence[str], owner: str | None, now: datetime) -> int:
        """The assets are this owner's from `now` on, or the utility's (None); return how many were not."""
        with self._database.transaction() as connection:
            return _owners.give(connection, asset_ids, owner, now)

    def owner_view(self, owner: str) -> _owners.OwnerView:
        """What this owner may see, and nothing else."""
        with self._database.connection() as connection:
            key = _owners.owner_key(connection, owner)
            if not _owners.arrange_role(connection):
                raise StoreError(
                    f"{self.name}: role {_owners.ROLE} is not there, and this login may not make it; "
                    "allowed: a login with CREATEROLE runs `vpp db migrate` once"
                )
        return _owners.OwnerView(self._database, key)

    def make_login(self, name: str, access: _roles.Access, owner: str | None = None) -> str:
        """A login of the server with this access (its old one ends) and limits of time; return its new password."""
        with self._database.transaction() as connection:
            return _roles.make_login(connection, name, access, owner)

    def erase_owner(self, owner: str, actor: str, now: datetime) -> _owners.Erased:
        """Delete a person's readings and replace the name everywhere, in the audit log too, whose chain still fits."""
        with self._database.transaction() as connection:
            return _owners.erase(connection, owner, actor, now)

    # Export and import

    def export(
        self, folder: Path, part: _export.Part, now: datetime, kind: _export.Format = _export.Format.PARQUET
    ) -> dict[str, Any]:
        """Write all, or what is of a time or an owner, to a folder; return its manifest, which is written last."""
        with self._snapshot() as connection:
            connection.execute("SET TRANSACTION READ ONLY")
            key = None if part.owner is None else _owners.owner_key(connection, part.owner)
            return _export.export(connection, folder, part, kind, key, now)

    def import_folder(self, folder: Path) -> dict[str, int]:
        """Read an export into this empty database, all or nothing; return rows by table."""
        manifest = _importing.read_manifest(folder)
        with self._database.transaction() as connection:
            rows = _importing.import_folder(connection, folder, manifest)
        self._keys, self._prepared = _telemetry.Keys(), set()
        return rows

    @contextmanager
    def _snapshot(self) -> Generator[Connection[Row]]:
        """A transaction that sees one state throughout."""
        with self._database.transaction() as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield connection
