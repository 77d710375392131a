"""PostgreSQL: everything the platform remembers. The only package that knows psycopg."""

from vpp.store.assets import RegisteredAsset
from vpp.store.audit import AuditCheck, AuditHead
from vpp.store.capabilities import Capabilities
from vpp.store.connection import FIELD_ANSWER_S, SERVICE_ANSWER_S, StoreError, StoreUnavailable
from vpp.store.export import Format, Part
from vpp.store.importing import read_manifest
from vpp.store.ingest import Ingest, IngestFull, IngestStatus, Safe
from vpp.store.knowledge import Knowledge
from vpp.store.launcher import embedded, is_gone
from vpp.store.maintenance import Maintained, Upkeep
from vpp.store.own_database import own_database
from vpp.store.owners import Erased, OwnerView
from vpp.store.programs import NoDatabase
from vpp.store.roles import Access
from vpp.store.rollup import Bucket, Means
from vpp.store.runs import Run
from vpp.store.series import Forecast
from vpp.store.spool import Spool
from vpp.store.store import Store
from vpp.store.tools import backup, psql, restore

__all__ = [
    "FIELD_ANSWER_S", "SERVICE_ANSWER_S", "Access", "AuditCheck", "AuditHead", "Bucket", "Capabilities", "Erased",
    "Forecast", "Format", "Ingest", "IngestFull", "IngestStatus", "Knowledge", "Maintained", "Means", "NoDatabase",
    "OwnerView", "Part", "RegisteredAsset", "Run", "Safe", "Spool", "Store", "StoreError", "StoreUnavailable",
    "Upkeep", "backup", "embedded", "is_gone", "own_database", "psql", "read_manifest", "restore",
]  # fmt: skip
