"""One engine a process, on Postgres or SQLite, and the two ways to use it: read and write."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from overnight.crypto.masters import MasterKey
from overnight.crypto.vault import Vault
from overnight.store.data_keys import DataKeys
from overnight.store.sealed import VAULT

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
    """`read()` and `write()` give a connection; leaving `write()` commits, an exception in it rolls back.

    `masters` are the keys that contents are encrypted with: none of them (plain), or None where no contents are used.
    """

    def __init__(self, url: str, pool_size: int = 20, masters: Sequence[MasterKey] | None = None) -> None:
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        pool = {"pool_size": pool_size, "max_overflow": 0, "pool_timeout": 30 if self.is_sqlite else 10}
        self.engine = _engine(url, **pool)
        self._reader = self._reading(self.engine)
        beside = _engine(url, poolclass=NullPool)
        self.vault = Vault(masters, DataKeys(beside, self._reading(beside)))
        setattr(self.engine.dialect, VAULT, self.vault)
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
        self.vault.prepare()
        with self._turnstile, self.engine.begin() as connection:
            yield connection

    def compact(self) -> bool:
        """Rewrites SQLite's file and empties its log, so that neither keeps what rows held; False where others read."""
        with self.engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")  # of the transaction that has just begun: neither goes within one
            connection.exec_driver_sql("VACUUM")
            is_busy: int = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
        return not is_busy

    def close(self) -> None:
        self.engine.dispose()

    def _reading(self, engine: Engine) -> Engine:
        return engine.execution_options(**(READING if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}))


#: An error must not quote contents that were to be written.
QUIET = {"hide_parameters": True}


def _engine(url: str, **pool: Any) -> Engine:
    return _sqlite(url, pool) if make_url(url).get_backend_name() == "sqlite" else _postgres(url, pool)


def _postgres(url: str, pool: dict[str, Any]) -> Engine:
    newest_first = {} if "poolclass" in pool else {"pool_use_lifo": True}
    arguments = {"connect_timeout": 5, "application_name": "overnight"}
    return create_engine(url, connect_args=arguments, **QUIET, **newest_first, **pool)


def _sqlite(url: str, pool: dict[str, Any]) -> Engine:
    path = make_url(url).database
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": 30}, **QUIET, **pool)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN" if "reading" in connection.get_execution_options() else "BEGIN IMMEDIATE")
