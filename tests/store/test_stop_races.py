"""Cancel and retry against an owner at work, and against each other."""

import pytest
from sqlalchemy import Connection

from overnight.errors import IllegalMove, LeaseLost
from overnight.models import Task
from overnight.states import StopRequest, TaskStatus, WaitReason
from overnight.store import pauses, submissions, tasks, turns
from overnight.store.database import Database
from tests.store.every_state import IN, cancel, check_numbers, retry
from tests.store.scenes import (
    DEFAULT_WORKSPACE,
    NO_LIMITS,
    begin,
    clock,
    ledger,
    meanwhile,
    park,
    reply,
    session,
    started,
    submit,
    take,
    task,
    types,
)


def test_two_who_cancel_at_once_are_both_content(database: Database) -> None:
    task_id = IN["queued"](database)

    def act(connection: Connection) -> tuple[Task, bool]:
        return submissions.cancel(connection, DEFAULT_WORKSPACE, task_id)

    one, other = meanwhile(database, act, act)
    assert (one[0].status, other[0].status) == ("cancelled", "cancelled")
    check_numbers(database, one[0].session_id)


def test_a_cancel_that_waits_for_the_owners_beginning_asks_him_to_stop(database: Database) -> None:
    task_id = IN["queued"](database)
    lease = take(database, task(database, task_id).session_id)
    queued = task(database, task_id)
    _, (cancelled, wake) = meanwhile(
        database,
        lambda connection: turns.begin(connection, lease, queued, NO_LIMITS),
        lambda connection: submissions.cancel(connection, DEFAULT_WORKSPACE, task_id),
    )
    assert (cancelled.status, cancelled.stop_request, wake) == ("running", "cancel", False)
    with database.read() as connection:
        assert tasks.stopping(connection) == {cancelled.session_id: (task_id, StopRequest.CANCEL)}


def test_a_cancel_that_waits_for_the_owners_end_comes_too_late(database: Database) -> None:
    turn = started(database)
    with pytest.raises(IllegalMove, match="has already succeeded"):
        meanwhile(
            database,
            lambda connection: turns.succeed(connection, turn, reply()),
            lambda connection: submissions.cancel(connection, DEFAULT_WORKSPACE, turn.task.id),
        )
    assert task(database, turn.task.id).status == TaskStatus.SUCCEEDED
    assert len(ledger(database, turn.task.session_id)) == 2


def test_an_owner_does_not_begin_what_is_cancelled_under_his_hands(database: Database) -> None:
    task_id = IN["queued"](database)
    session_id = task(database, task_id).session_id
    lease = take(database, session_id)
    queued = task(database, task_id)
    with pytest.raises(LeaseLost):
        meanwhile(
            database,
            lambda connection: submissions.cancel(connection, DEFAULT_WORKSPACE, task_id),
            lambda connection: turns.begin(connection, lease, queued, NO_LIMITS),
        )
    assert task(database, task_id).status == TaskStatus.CANCELLED
    assert types(database, session_id) == ["user.message", "task.cancelled"]


def test_a_stop_asked_while_the_step_fails_is_carried_out_at_once(database: Database) -> None:
    """The owner parks the task for an hour, not knowing of the cancel: nobody waits an hour for it."""
    turn = started(database)
    cancel(database, turn.task.id)
    park(database, turn, delay=3_600.0, reason=WaitReason.RATE_LIMIT)
    parked, row = task(database, turn.task.id), session(database, turn.task.session_id)
    assert (parked.status, parked.stop_request) == ("waiting", "cancel")
    assert parked.due_at is not None
    assert parked.due_at == row.wake_at
    assert parked.due_at <= clock(database)
    again = begin(database, take(database, row.id))
    assert again.task.stop_request == StopRequest.CANCEL
    with database.write() as connection:
        assert turns.stop(connection, again, StopRequest.CANCEL, None) is None
    assert task(database, turn.task.id).status == TaskStatus.CANCELLED


def test_a_task_retried_while_a_later_one_is_parked_does_not_wait_for_it(database: Database) -> None:
    task_id = IN["failed"](database)
    session_id = task(database, task_id).session_id
    submit(database, session_id)
    turn = begin(database, take(database, session_id))
    assert retry(database, task_id)[1] is False
    park(database, turn, delay=3_600.0)
    row, parked = session(database, session_id), task(database, turn.task.id)
    assert row.wake_at is not None
    assert row.wake_at <= clock(database)
    assert parked.due_at is not None
    assert (parked.due_at - clock(database)).total_seconds() > 3_500
    assert begin(database, take(database, session_id)).task.id == task_id


def test_a_stop_survives_the_owner_it_was_asked_of(database: Database) -> None:
    turn = started(database, "a#1")
    cancel(database, turn.task.id)
    with database.write() as connection:
        pauses.hand_back(connection, turn.lease, grace=2.0)
    assert begin(database, take(database, turn.task.session_id, "b#1")).task.stop_request == StopRequest.CANCEL
