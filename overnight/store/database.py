"""One engine a process, on Postgres or SQLite, and the two ways to use it: read and write."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

#: What a database that is down, restarting or out of connections raises.
DATABASE_DOWN = (OperationalError, InterfaceError, PoolTimeoutError)


#: Marks SQLite's read transactions: they take a snapshot and no lock.
READING = {"reading": True}


def is_down(error: BaseException) -> bool:
    """Whether an error says that the database is away, and not that a statement was wrong."""
    if isinstance(error, DBAPIError) and getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
        return False  # such as a missing table, which SQLite's driver calls operational
    return isinstance(error, DATABASE_DOWN) or (isinstance(error, DBAPIError) and error.connection_invalidated)


class Database:
    """`read()` and `write()` give a connection; leaving `write()` commits, an exception in it rolls back."""

    def __init__(self, url: str, pool_size: int = 20) -> None:
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self.engine = _sqlite(url, pool_size) if self.is_sqlite else _postgres(url, pool_size)
        self._reader = self.engine.execution_options(
            **(READING if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"})
        )
        # SQLite lets waiting writers race for the lock; inside a process they queue.
        self._turnstile = threading.Lock() if self.is_sqlite else nullcontext()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection on which each statement stands alone."""
        with self._reader.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection all of whose statements see the same moment, and may be read piece by piece."""
        options = READING if self.is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self.engine.execution_options(**options).connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with self._turnstile, self.engine.begin() as connection:
            yield connection

    def close(self) -> None:
        self.engine.dispose()


def _postgres(url: str, pool_size: int) -> Engine:
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_use_lifo=True,
        connect_args={"connect_timeout": 5, "application_name": "overnight"},
    )


def _sqlite(url: str, pool_size: int) -> Engine:
    path = make_url(url).database
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, pool_size=pool_size, max_overflow=0, pool_timeout=30, connect_args={"timeout": 30})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN" if "reading" in connection.get_execution_options() else "BEGIN IMMEDIATE")
