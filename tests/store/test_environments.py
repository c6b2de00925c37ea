"""Environments: made, changed, archived, deleted; and the sessions that begin in them meanwhile."""

import pytest
from sqlalchemy import Connection

from overnight.errors import EnvironmentArchived, InvalidRequest, NotFound
from overnight.ids import WORKSPACE, new_id
from overnight.models import DEFAULT_ENVIRONMENT, DEFAULT_WORKSPACE
from overnight.store import environments, removal, sessions
from overnight.store.database import Database
from overnight.store.environments import NewEnvironment
from overnight.store.sessions import NewSession
from tests.store.scenes import MODEL, meanwhile, new_session, session
from tests.store.work_scenes import all_work, new_environment, waiting


def test_an_environment_is_what_was_said(database: Database) -> None:
    with database.write() as connection:
        made = environments.create(connection, DEFAULT_WORKSPACE, NewEnvironment("laptop", "Mine.", {"a": "b"}))
        assert environments.find(connection, DEFAULT_WORKSPACE, made.id) == made
    assert (made.name, made.description, made.labels, made.archived_at) == ("laptop", "Mine.", {"a": "b"}, None)
    assert made.created_at == made.updated_at


def test_a_change_changes_what_it_names(database: Database) -> None:
    environment_id = new_environment(database)
    with database.write() as connection:
        before = environments.find(connection, DEFAULT_WORKSPACE, environment_id)
        same = environments.change(connection, DEFAULT_WORKSPACE, environment_id, lambda was: {"name": was.name})
        assert same == before
        after = environments.change(connection, DEFAULT_WORKSPACE, environment_id, lambda _: {"description": ""})
    assert (after.name, after.description) == ("laptop", "")
    assert after.updated_at > before.updated_at


def test_an_archived_one_stays_as_it_is_and_takes_no_session(database: Database) -> None:
    environment_id = new_environment(database)
    session_id = new_session(database, environment_id=environment_id)
    with database.write() as connection:
        first = environments.archive(connection, DEFAULT_WORKSPACE, environment_id)
        assert first.archived_at is not None
        assert environments.archive(connection, DEFAULT_WORKSPACE, environment_id) == first
    with database.write() as connection, pytest.raises(EnvironmentArchived):
        environments.change(connection, DEFAULT_WORKSPACE, environment_id, lambda _: {"name": "other"})
    with database.write() as connection, pytest.raises(InvalidRequest, match=r"environment_id: .* is archived"):
        environments.check_open(connection, DEFAULT_WORKSPACE, environment_id)
    assert session(database, session_id).environment_id == environment_id


def test_others_see_nothing_of_it(database: Database) -> None:
    environment_id, other = new_environment(database), new_id(WORKSPACE)
    for verb in (environments.find, environments.archive, environments.remove):
        with database.write() as connection, pytest.raises(NotFound):
            verb(connection, other, environment_id)
    with database.write() as connection:
        with pytest.raises(InvalidRequest, match="there is no environment"):
            environments.check_open(connection, other, environment_id)
        assert environments.page(connection, other, limit=9) == []
        environments.check_open(connection, other, DEFAULT_ENVIRONMENT)


def test_it_is_deleted_when_no_session_is_in_it(database: Database) -> None:
    environment_id = new_environment(database)
    task, _ = waiting(database, environment_id)
    with database.write() as connection, pytest.raises(InvalidRequest, match="archive it with POST"):
        environments.remove(connection, DEFAULT_WORKSPACE, environment_id)
    with database.write() as connection:
        sessions.delete(connection, DEFAULT_WORKSPACE, task.session_id)
        environments.remove(connection, DEFAULT_WORKSPACE, environment_id)
    with database.write() as connection:
        assert environments.page(connection, DEFAULT_WORKSPACE, limit=9, include_archived=True) == []
        while not removal.purge(connection, task.session_id):
            pass
    assert all_work(database, task.session_id) == []


def test_a_session_and_a_deletion_at_once_do_not_both_happen(database: Database) -> None:
    environment_id = new_environment(database)

    def make(connection: Connection) -> str:
        environments.check_open(connection, DEFAULT_WORKSPACE, environment_id)
        new = NewSession(model=MODEL, max_tokens=9, environment_id=environment_id)
        sessions.create(connection, DEFAULT_WORKSPACE, new, idle_check=0)
        return new.id

    with pytest.raises(InvalidRequest, match="has sessions"):
        meanwhile(database, make, lambda late: environments.remove(late, DEFAULT_WORKSPACE, environment_id))
    environment_id = new_environment(database)
    with pytest.raises(InvalidRequest, match=f"there is no environment {environment_id}"):
        meanwhile(database, lambda first: environments.remove(first, DEFAULT_WORKSPACE, environment_id), make)


def test_pages_go_on_where_the_last_ended(database: Database) -> None:
    made = [new_environment(database, name=f"{place}") for place in range(5)]
    with database.write() as connection:
        environments.archive(connection, DEFAULT_WORKSPACE, made[2])
        first = environments.page(connection, DEFAULT_WORKSPACE, limit=2)
        cursor = (first[-1].created_at, first[-1].id)
        rest = environments.page(connection, DEFAULT_WORKSPACE, limit=9, cursor=cursor)
        every = environments.page(connection, DEFAULT_WORKSPACE, limit=9, include_archived=True)
    assert {each.id for each in every} == set(made)
    assert [each.name for each in (*first, *rest)] == [each.name for each in every if each.id != made[2]]
