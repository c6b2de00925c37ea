"""Archive and delete: with an owner at work, with a task on its way, twice."""

import pytest
from sqlalchemy import Connection

from overnight.errors import LeaseLost, NotFound, SessionClosed
from overnight.models import Session
from overnight.states import Life, TaskStatus
from overnight.store import session_pages, sessions, submissions, tasks, turns
from overnight.store.database import Database
from overnight.store.submissions import Accepted, NewTask
from tests.store.scenes import (
    DEFAULT_WORKSPACE,
    events,
    ledger,
    meanwhile,
    new_session,
    reply,
    says,
    session,
    started,
    submit,
    succeed,
    task,
    types,
)


def archive(database: Database, session_id: str) -> Session:
    with database.write() as connection:
        return sessions.archive(connection, DEFAULT_WORKSPACE, session_id)


def delete(database: Database, session_id: str) -> None:
    with database.write() as connection:
        sessions.delete(connection, DEFAULT_WORKSPACE, session_id)


def test_archiving_cancels_what_is_not_finished_and_frees_the_session(database: Database) -> None:
    turn = started(database)
    session_id = turn.task.session_id
    behind = submit(database, session_id).task
    row = archive(database, session_id)
    assert (row.life, row.archive_reason, row.lease_owner, row.wake_at) == (Life.ARCHIVED, "user", None, None)
    assert row.archived_at is not None
    for task_id in (turn.task.id, behind.id):
        stopped = task(database, task_id)
        assert (stopped.status, stopped.stop_reason) == (TaskStatus.CANCELLED, "session archived")
        assert stopped.finished_at is not None
    assert types(database, session_id)[-2:] == ["session.archived", "session.status_terminated"]
    assert [event.seq for event in events(database, session_id)] == list(range(1, row.event_seq + 1))
    with database.read() as connection:
        assert session_pages.find(connection, DEFAULT_WORKSPACE, session_id).status == "terminated"


def test_archiving_twice_is_no_error_and_changes_nothing(database: Database) -> None:
    session_id = new_session(database)
    once = archive(database, session_id)
    assert archive(database, session_id) == once


def test_a_deleted_session_is_gone_at_once(database: Database) -> None:
    turn = started(database)
    session_id = turn.task.session_id
    delete(database, session_id)
    for again in (delete, archive):
        with pytest.raises(NotFound, match=f"session {session_id} not found"):
            again(database, session_id)
    with database.read() as connection:
        with pytest.raises(NotFound):
            sessions.get(connection, DEFAULT_WORKSPACE, session_id)
        with pytest.raises(NotFound):
            tasks.get(connection, DEFAULT_WORKSPACE, turn.task.id)
    assert session(database, session_id).life == Life.DELETED


def test_a_session_is_over_when_its_last_event_was_told(database: Database) -> None:
    session_id = new_session(database)

    def is_over(told: int) -> bool:
        with database.read() as connection:
            return sessions.is_over(connection, session_id, told)

    assert not is_over(0)
    delete(database, session_id)
    last = session(database, session_id).event_seq
    assert (is_over(last - 1), is_over(last)) == (False, True)
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM sessions")
    assert is_over(0)


def test_an_archived_session_can_be_deleted(database: Database) -> None:
    session_id = new_session(database)
    archive(database, session_id)
    delete(database, session_id)
    assert session(database, session_id).life == Life.DELETED


def test_finished_tasks_stay_as_they_are(database: Database) -> None:
    turn = started(database)
    succeed(database, turn)
    done = task(database, turn.task.id)
    archive(database, turn.task.session_id)
    assert task(database, turn.task.id) == done


def test_an_archive_that_waits_for_the_owners_reply_keeps_it(database: Database) -> None:
    turn = started(database)
    _, row = meanwhile(
        database,
        lambda connection: turns.succeed(connection, turn, reply()),
        lambda connection: sessions.archive(connection, DEFAULT_WORKSPACE, turn.task.session_id),
    )
    assert (row.life, row.ledger_seq) == (Life.ARCHIVED, 2)
    assert task(database, turn.task.id).status == TaskStatus.SUCCEEDED


def test_an_owner_whose_write_waits_for_the_archive_is_fenced_out(database: Database) -> None:
    turn = started(database)
    with pytest.raises(LeaseLost):
        meanwhile(
            database,
            lambda connection: sessions.archive(connection, DEFAULT_WORKSPACE, turn.task.session_id),
            lambda connection: turns.succeed(connection, turn, reply()),
        )
    assert ledger(database, turn.task.session_id) == []
    assert task(database, turn.task.id).status == TaskStatus.CANCELLED


def test_a_task_that_waits_for_the_archive_hears_of_it(database: Database) -> None:
    session_id = new_session(database)
    with pytest.raises(SessionClosed, match="archived"):
        meanwhile(
            database,
            lambda connection: sessions.archive(connection, DEFAULT_WORKSPACE, session_id),
            lambda connection: accept(connection, session_id),
        )


def test_a_task_that_was_first_is_cancelled_by_the_archive(database: Database) -> None:
    session_id = new_session(database)
    accepted, _ = meanwhile(
        database,
        lambda connection: accept(connection, session_id),
        lambda connection: sessions.archive(connection, DEFAULT_WORKSPACE, session_id),
    )
    assert task(database, accepted.task.id).status == TaskStatus.CANCELLED


def accept(connection: Connection, session_id: str) -> Accepted:
    return submissions.submit(connection, DEFAULT_WORKSPACE, session_id, NewTask(says("Go.")), max_age=0)
