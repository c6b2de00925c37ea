"""What every ring of tests shares: both databases, each test on one of its own."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from overnight.store import schema
from overnight.store.database import Database
from tests.servers import Postgres, postgres

TEMPLATE = "overnight_template"

# Hundreds of processes load the same modules: compiled once, as on a user's machine.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A real Postgres with a migrated template database."""
    with postgres() as server:
        server.run(f"CREATE DATABASE {TEMPLATE}")
        _migrate(server.url(TEMPLATE))
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated, empty database of its own for the test: once on SQLite, once on Postgres."""
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres_server")
        return server.new_database(TEMPLATE)
    shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "overnight.db")
    return f"sqlite:///{tmp_path / 'overnight.db'}"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


def _migrate(url: str) -> None:
    database = Database(url)
    schema.migrate(database)
    database.close()
