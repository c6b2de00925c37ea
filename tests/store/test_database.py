import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import col

from overnight.models import DEFAULT_WORKSPACE, Workspace
from overnight.store import schema
from overnight.store.clock import after, ago, now
from overnight.store.database import Database, is_down
from tests.servers import Postgres, postgres
from tests.store.scenes import at_once, clock, new_session, submit, until


def names(database: Database) -> list[str]:
    with database.read() as connection:
        return sorted(connection.execute(select(col(Workspace.id))).scalars())


def add(database: Database, name: str) -> None:
    with database.write() as connection:
        connection.execute(insert(Workspace).values(id=name, name=name, created_at=now()))


def test_a_write_is_whole_or_nothing(database: Database) -> None:
    add(database, "w1")
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(
            insert(Workspace), [{"id": name, "name": name, "created_at": clock(database)} for name in ("w2", "w1")]
        )
    assert names(database) == ["w1", DEFAULT_WORKSPACE]


def test_a_reader_neither_waits_for_a_writer_nor_sees_what_is_not_committed(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(Workspace).values(id="w1", name="w1", created_at=now()))
        assert names(database) == [DEFAULT_WORKSPACE]
    assert names(database) == ["w1", DEFAULT_WORKSPACE]


def test_many_write_at_once(database_url: str) -> None:
    """As threads of two processes do."""
    databases = [Database(database_url), Database(database_url)]
    session_id = new_session(databases[0])
    at_once(8, lambda place: [submit(databases[place % 2], session_id) for _ in range(5)])
    assert submit(databases[0], session_id).task.seq == 41
    for database in databases:
        database.close()


def test_the_clock_moves_on_within_a_transaction(database: Database) -> None:
    with database.write() as connection:
        first = connection.execute(select(now())).scalar_one()
        time.sleep(0.02)
        moments = connection.execute(select(now(), after(60.0), after(-60.0), ago(60.0))).one()
    assert 0.01 < (moments[0] - first).total_seconds() < 5
    assert [round((moment - moments[0]).total_seconds()) for moment in moments[1:]] == [60, -60, -60]


def test_times_are_read_back_as_they_were(database: Database) -> None:
    moment = clock(database)
    assert moment.tzinfo is not None
    with database.write() as connection:
        connection.execute(insert(Workspace).values(id="w1", name="w1", created_at=moment))
        found = select(col(Workspace.id)).where(col(Workspace.created_at) == moment, col(Workspace.created_at) <= now())
        assert connection.execute(found).scalar_one() == "w1"


@pytest.mark.parametrize("statement", ["SELECT * FROM nowhere", "SELECT nothing FROM sessions", "SELEKT 1"])
def test_a_wrong_statement_does_not_mean_that_the_database_is_down(database: Database, statement: str) -> None:
    with pytest.raises(DBAPIError) as caught, database.read() as connection:
        connection.execute(text(statement))
    assert not is_down(caught.value)


def test_a_broken_constraint_does_not_mean_that_the_database_is_down(database: Database) -> None:
    with pytest.raises(IntegrityError) as caught:
        add(database, DEFAULT_WORKSPACE)
    assert not is_down(caught.value)


@pytest.mark.parametrize("error", [ValueError("x"), OSError("x"), KeyboardInterrupt()])
def test_what_is_not_the_databases_error_does_not_mean_that_it_is_down(error: BaseException) -> None:
    assert not is_down(error)


def test_a_sqlite_file_that_cannot_be_opened_is_down(tmp_path: Path) -> None:
    (tmp_path / "overnight.db").mkdir()
    database = Database(f"sqlite:///{tmp_path / 'overnight.db'}")
    with pytest.raises(DBAPIError) as caught:
        names(database)
    assert is_down(caught.value)


def test_a_pool_without_a_free_connection_is_down(database_url: str) -> None:
    database = Database(database_url, pool_size=1)
    database.engine.pool._timeout = 0.1  # type: ignore[attr-defined]
    with database.read(), pytest.raises(Exception, match="QueuePool limit") as caught:
        names(database)
    assert is_down(caught.value)
    assert names(database) == [DEFAULT_WORKSPACE]
    database.close()


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


def test_a_postgres_that_stops_is_down_and_comes_back(own_postgres: Postgres) -> None:
    url = own_postgres.new_database()
    database = Database(url)
    schema.migrate(database)
    assert names(database) == [DEFAULT_WORKSPACE]
    with database.write() as connection:  # caught in the middle of a transaction
        connection.execute(select(now()))
        own_postgres.stop()
        with pytest.raises(DBAPIError) as midway:
            connection.execute(select(now()))
        connection.rollback()
    with pytest.raises(DBAPIError) as afterwards:
        names(database)
    assert is_down(midway.value)
    assert is_down(afterwards.value)
    own_postgres.start()
    until(lambda: answers(database))
    assert names(database) == [DEFAULT_WORKSPACE]
    database.close()


def answers(database: Database) -> bool:
    try:
        return bool(names(database))
    except DBAPIError as error:
        if is_down(error):
            return False
        raise
