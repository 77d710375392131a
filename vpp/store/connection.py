"""A pool of connections that speak arrays, UTC and our errors."""

import struct
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import Connection, pq
from psycopg.abc import Buffer
from psycopg.adapt import Dumper, Loader
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool, PoolTimeout

Row = tuple[Any, ...]

_FLOAT8, _FLOAT8_ARRAY = 701, 1022
_HEADER = struct.Struct("!iiIii")
_ELEMENT = np.dtype([("bytes", ">i4"), ("value", ">f8")])


class StoreError(RuntimeError):
    """What was asked cannot be done; says why in one sentence."""


class StoreUnavailable(StoreError):
    """The database does not answer, or broke off: nothing of this call is stored, and it may be tried again."""


class _ArrayDumper(Dumper):
    """float64 array → double precision[], binary: no Python object per number."""

    format = pq.Format.BINARY
    oid = _FLOAT8_ARRAY

    def dump(self, obj: NDArray[np.float64]) -> Buffer:
        if not obj.size:
            return _HEADER.pack(0, 0, _FLOAT8, 0, 0)[:12]
        elements = np.empty(obj.size, _ELEMENT)
        elements["bytes"], elements["value"] = 8, obj
        return _HEADER.pack(1, 0, _FLOAT8, obj.size, 1) + elements.tobytes()


class _ArrayLoader(Loader):
    """double precision[] without NULLs, binary → float64 array."""

    format = pq.Format.BINARY

    def load(self, data: Buffer) -> NDArray[np.float64]:
        return np.frombuffer(bytes(data)[20:], _ELEMENT)["value"].astype(np.float64)


def _configure(connection: Connection[Row]) -> None:
    connection.execute("SET TIME ZONE 'UTC'")
    connection.adapters.register_dumper(np.ndarray, _ArrayDumper)
    connection.adapters.register_loader(_FLOAT8_ARRAY, _ArrayLoader)


def _reset(connection: Connection[Row]) -> None:
    """Nobody gets a connection that still acts for the owner it served last."""
    connection.execute("RESET ROLE; SELECT set_config('vpp.owner', '', false)")


_LIVENESS = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 15_000}
"""A server whose host is cut off is noticed within 15 s; TCP itself would wait for hours. Nothing on a local socket."""


class Database:
    """A server by its DSN."""

    def __init__(self, dsn: str, *, connections: int = 4, patience_s: float = 10.0) -> None:
        """Connect; `patience_s` is how long a call waits for a connection."""
        self.name = _name(dsn)
        self.dsn = dsn
        try:
            psycopg.connect(dsn, connect_timeout=max(1, round(patience_s))).close()
        except psycopg.OperationalError as error:
            raise StoreUnavailable(f"{self.name}: cannot connect: {_sentence(error)}") from None
        self._pool: ConnectionPool[Connection[Row]] = ConnectionPool(
            dsn,
            kwargs={"autocommit": True, "connect_timeout": max(1, round(patience_s)), **_LIVENESS},
            min_size=1,
            max_size=connections,
            timeout=patience_s,
            configure=_configure,
            reset=_reset,
            check=ConnectionPool.check_connection,
            open=True,
        )

    def close(self) -> None:
        """Of all connections."""
        self._pool.close()

    @contextmanager
    def connection(self) -> Generator[Connection[Row]]:
        """A connection in autocommit."""
        try:
            with self._pool.connection() as connection:
                yield connection
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise StoreUnavailable(f"{self.name}: {_sentence(error)}") from error

    @contextmanager
    def transaction(self) -> Generator[Connection[Row]]:
        """A connection in a transaction: all of it is committed at the end, or nothing."""
        with self.connection() as connection, connection.transaction():
            yield connection


def _name(dsn: str) -> str:
    """The database without its password."""
    parts = conninfo_to_dict(dsn)
    return f"database '{parts.get('dbname', '')}' at {parts.get('host') or 'this host'}"


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split())
