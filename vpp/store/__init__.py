"""PostgreSQL: everything the platform remembers. The only package that knows psycopg."""

from vpp.store.assets import RegisteredAsset
from vpp.store.audit import AuditCheck, AuditHead
from vpp.store.connection import StoreError, StoreUnavailable
from vpp.store.embedded import embedded
from vpp.store.own_database import own_database
from vpp.store.programs import NoDatabase
from vpp.store.runs import Run
from vpp.store.series import Forecast
from vpp.store.store import Store

__all__ = [
    "AuditCheck", "AuditHead", "Forecast", "NoDatabase", "RegisteredAsset", "Run", "Store", "StoreError",
    "StoreUnavailable", "embedded", "own_database",
]  # fmt: skip
