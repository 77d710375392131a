"""A pool of connections that speak arrays, UTC and our errors."""

import struct
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import Connection, OperationalError, errors, pq
from psycopg.abc import RV, Buffer, PQGen
from psycopg.adapt import Dumper, Loader
from psycopg.conninfo import conninfo_to_dict, make_conninfo
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


class _Bounded(Connection[Row]):
    """A connection on which nobody waits for ever: a network that swallows everything gives no error by itself."""

    answer_s: float | None = None
    """Longest wait for the answer to one statement."""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        try:
            return super().wait(gen, interval, self.answer_s if timeout is None else timeout)
        except errors._WaitTimeout:  # pyright: ignore[reportPrivateUsage]
            if timeout is not None:
                raise
            self.pgconn.finish()  # what it is in the middle of nobody knows
            raise OperationalError(f"no answer for {self.answer_s:g} s; the connection is given up") from None


def _configure(connection: Connection[Row]) -> None:
    connection.execute("SET TIME ZONE 'UTC'")
    connection.execute(_SERVER_LIVENESS)
    connection.adapters.register_dumper(np.ndarray, _ArrayDumper)
    connection.adapters.register_loader(_FLOAT8_ARRAY, _ArrayLoader)


_SERVER_LIVENESS = """
SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; SET tcp_user_timeout = 15000
"""
"""So that the server, too, notices: until then it holds the locks of a client that is gone."""


def _reset(connection: Connection[Row]) -> None:
    """Nobody gets a connection that still acts for the owner it served last."""
    connection.execute("RESET ROLE; SELECT set_config('vpp.owner', '', false)")


_LIVENESS = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 15_000}
"""A server whose host is cut off is noticed within 15 s; TCP itself would wait for hours. Nothing on a local socket."""

FIELD_ANSWER_S, SERVICE_ANSWER_S = 30.0, 120.0
"""Longest waits of services for one statement: a batch of 10,000 readings; a roll-up of a million on a slow machine."""

ASK_S = 0.5
"""Whoever waits for a connection asks for a new one so often. The pool itself would wait 1, 2, 4 s … between two tries,
and a server that is back would not be noticed meanwhile."""


class Database:
    """A server by its DSN."""

    def __init__(
        self, dsn: str, *, connections: int = 4, patience_s: float = 10.0, answer_s: float | None = None
    ) -> None:
        """Connect; `patience_s` is how long a call waits for a connection, `answer_s` for a statement's answer."""
        self.name = _name(dsn)
        self.dsn = dsn

        def configure(connection: _Bounded) -> None:
            connection.answer_s = patience_s
            _configure(connection)
            connection.answer_s = answer_s
            if answer_s is not None:  # and so long the server holds what nobody waits for any more
                for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
                    connection.execute("SELECT set_config(%s, %s, false)", (name, f"{round(1000 * answer_s)}ms"))

        self._patience_s = patience_s
        try:
            psycopg.connect(dsn, connect_timeout=max(1, round(patience_s))).close()
        except psycopg.OperationalError as error:
            raise StoreUnavailable(f"{self.name}: cannot connect: {_sentence(error)}") from None
        self._pool: ConnectionPool[_Bounded] = ConnectionPool(
            dsn,
            connection_class=_Bounded,
            kwargs={"autocommit": True, "connect_timeout": max(1, round(patience_s)), **_LIVENESS},
            min_size=1,
            max_size=connections,
            reconnect_timeout=0.0,
            configure=configure,
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
            connection = self._taken()
            try:
                with connection:
                    yield connection
            finally:
                self._pool.putconn(connection)
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise StoreUnavailable(f"{self.name}: {_sentence(error)}") from error

    def _taken(self) -> _Bounded:
        until = time.monotonic() + self._patience_s
        while True:
            left = until - time.monotonic()
            try:
                return self._pool.getconn(max(0.01, min(ASK_S, left)))
            except PoolTimeout:
                if left <= ASK_S:
                    raise PoolTimeout(f"no connection within {self._patience_s:g} s") from None

    @contextmanager
    def unbounded(self) -> Generator[Connection[Row]]:
        """A connection of its own, in autocommit, whose statements may take as long as they take."""
        try:
            with psycopg.connect(make_conninfo(self.dsn, **_LIVENESS), autocommit=True) as connection:
                _configure(connection)
                yield connection
        except psycopg.OperationalError as error:
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
