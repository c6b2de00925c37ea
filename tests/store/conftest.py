"""The store's tests are many and small, so those on Postgres share one database, emptied before each."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, true
from sqlmodel import SQLModel

from overnight.models import DEFAULT_WORKSPACE
from overnight.store import database
from tests.conftest import TEMPLATE
from tests.servers import Postgres


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk() -> Iterator[None]:
    """What these tests kill is never the machine."""

    def prepare(connection: Any, record: Any) -> None:
        as_always(connection, record)
        connection.execute("PRAGMA synchronous=OFF")

    as_always = database._prepare_sqlite
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_prepare_sqlite", prepare)
        yield


@pytest.fixture(scope="session")
def shared_postgres_url(postgres_server: Postgres) -> str:
    postgres_server.run("ALTER SYSTEM SET fsync = off")
    postgres_server.run("SELECT pg_reload_conf()")
    return postgres_server.new_database(TEMPLATE)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated, empty database: once on SQLite, once on Postgres."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("shared_postgres_url")
        _empty(url)
        return url
    shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "overnight.db")
    return f"sqlite:///{tmp_path / 'overnight.db'}"


def _empty(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        for table in SQLModel.metadata.sorted_tables:
            connection.execute(table.delete().where(table.c.id != DEFAULT_WORKSPACE if "id" in table.c else true()))
    engine.dispose()
