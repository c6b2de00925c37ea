"""How an idle session ends, and that a task which arrives first wins."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from overnight.errors import LeaseLost, SessionClosed
from overnight.expiry import Limits
from overnight.states import ArchiveReason, Life
from overnight.store import retirement, submissions
from overnight.store.database import Database
from overnight.store.leases import Lease
from overnight.store.submissions import NewTask
from tests.store.scenes import (
    DEFAULT_WORKSPACE,
    call,
    calls,
    change,
    clock,
    events,
    meanwhile,
    rest,
    says,
    session,
    started,
    submit,
    succeed,
    take,
    types,
)

IDLE = ArchiveReason.IDLE
Verb = Callable[[Connection, Lease], bool]
VERBS: dict[str, Verb] = {
    "warn": lambda connection, lease: retirement.warn(connection, lease, IDLE, lease.now + timedelta(hours=1)),
    "postpone": lambda connection, lease: retirement.postpone(connection, lease, 60.0),
    "archive": lambda connection, lease: retirement.archive(connection, lease, IDLE, "Summary.", None, call()),
}


def idle(database: Database) -> Lease:
    """An idle session with a turn behind it, in the hands of an owner."""
    turn = started(database)
    succeed(database, turn)
    return take(database, turn.task.session_id)


def test_a_warning_is_recorded_and_the_session_let_go_until_its_end(database: Database) -> None:
    lease = idle(database)
    ends = clock(database) + timedelta(hours=1)
    with database.write() as connection:
        assert retirement.warn(connection, lease, IDLE, ends)
    row, said = session(database, lease.session_id), events(database, lease.session_id)[-1]
    assert (said.type, said.payload) == ("session.expiring", {"reason": "idle", "expires_at": ends.isoformat()})
    assert (row.lease_owner, row.wake_at, row.idle_since) == (None, ends, lease.idle_since)
    assert row.notified_at == said.created_at
    assert row.event_seq == said.seq


def test_a_summary_that_failed_is_tried_again_later(database: Database) -> None:
    lease = idle(database)
    with database.write() as connection:
        assert retirement.postpone(connection, lease, 60.0)
    row = session(database, lease.session_id)
    assert (row.lease_owner, row.summary_attempts, row.idle_since) == (None, 1, lease.idle_since)
    assert row.wake_at is not None
    assert 55 < (row.wake_at - clock(database)).total_seconds() <= 60
    assert take(database, lease.session_id).summary_attempts == 1


@pytest.mark.parametrize(("summary", "problem"), [("All was said.", None), (None, "Overloaded")])
def test_an_archive_has_its_summary_or_says_why_not(
    database: Database, summary: str | None, problem: str | None
) -> None:
    lease = idle(database)
    before = session(database, lease.session_id)
    paid = call() if summary else None
    with database.write() as connection:
        assert retirement.archive(connection, lease, IDLE, summary, problem, paid)
    row = session(database, lease.session_id)
    assert (row.life, row.archive_reason, row.summary) == (Life.ARCHIVED, "idle", summary)
    assert (row.lease_owner, row.wake_at) == (None, None)
    assert row.archived_at is not None
    assert row.input_tokens == before.input_tokens + (10 if summary else 0)
    assert len(calls(database, row.id)) == (2 if summary else 1)
    archived, terminated = events(database, row.id)[-2:]
    assert archived.payload == {"reason": "idle", "summary": summary, "summary_error": problem}
    assert (terminated.type, terminated.seq) == ("session.status_terminated", row.event_seq)
    with pytest.raises(SessionClosed, match=r"is archived \(idle\); resume it"):
        submit(database, row.id)


@pytest.mark.parametrize("verb", VERBS)
def test_a_task_that_arrived_wins(database: Database, verb: str) -> None:
    lease = idle(database)
    accepted = submit(database, lease.session_id)
    before = session(database, lease.session_id)
    with database.write() as connection:
        assert VERBS[verb](connection, lease) is False
    assert session(database, lease.session_id) == before
    assert types(database, lease.session_id)[-1] == "user.message"
    due = rest(database, lease)
    assert due is not None
    assert due.id == accepted.task.id


@pytest.mark.parametrize("verb", VERBS)
def test_a_task_that_is_just_being_committed_wins(database: Database, verb: str) -> None:
    lease = idle(database)
    accepted, gone = meanwhile(
        database,
        lambda connection: submissions.submit(
            connection, DEFAULT_WORKSPACE, lease.session_id, NewTask(says("Wait!")), max_age=0
        ),
        lambda connection: VERBS[verb](connection, lease),
    )
    assert gone is False
    assert accepted.wake is False
    assert session(database, lease.session_id).life == Life.ACTIVE
    assert rest(database, lease) is not None


@pytest.mark.parametrize("verb", ["warn", "postpone"])
def test_a_task_behind_a_verb_that_lets_go_wakes_the_session(database: Database, verb: str) -> None:
    lease = idle(database)
    gone, accepted = meanwhile(
        database,
        lambda connection: VERBS[verb](connection, lease),
        lambda connection: submissions.submit(
            connection, DEFAULT_WORKSPACE, lease.session_id, NewTask(says("Wait!")), max_age=0
        ),
    )
    assert gone is True
    assert accepted.wake is True
    row = session(database, lease.session_id)
    assert (row.idle_since, row.notified_at, row.summary_attempts) == (None, None, 0)


def test_a_task_behind_the_archive_gets_a_clear_error(database: Database) -> None:
    lease = idle(database)
    with pytest.raises(SessionClosed, match=r"is archived \(idle\); resume it"):
        meanwhile(
            database,
            lambda connection: VERBS["archive"](connection, lease),
            lambda connection: submissions.submit(
                connection, DEFAULT_WORKSPACE, lease.session_id, NewTask(says("Wait!")), max_age=0
            ),
        )


@pytest.mark.parametrize("verb", VERBS)
def test_who_lost_the_session_does_not_end_it(database: Database, verb: str) -> None:
    lease = idle(database)
    change(database, lease.session_id, lease_expires_at=-1.0)
    take(database, lease.session_id, "b#1")
    before = session(database, lease.session_id)
    with pytest.raises(LeaseLost), database.write() as connection:
        VERBS[verb](connection, lease)
    assert session(database, lease.session_id) == before


def test_a_warned_session_that_rests_again_is_not_warned_twice(database: Database) -> None:
    lease = idle(database)
    limits = Limits(idle_ttl=3_600, max_age=0, notice=3_600)
    assert lease.idle_since is not None
    ends = lease.idle_since + timedelta(hours=1)
    with database.write() as connection:
        assert retirement.warn(connection, lease, IDLE, ends)
    woken = take(database, lease.session_id)
    assert woken.notified_at is not None
    assert rest(database, woken, limits) is None
    row = session(database, lease.session_id)
    assert (row.wake_at, row.notified_at) == (ends, woken.notified_at)
