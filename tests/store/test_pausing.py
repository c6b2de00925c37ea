"""A paused session against whatever goes on in it at that moment."""

import pytest
from sqlalchemy import Connection

from overnight import event_types
from overnight.errors import NotFound, SessionClosed, SessionPaused
from overnight.expiry import Limits
from overnight.models import Session
from overnight.states import ArchiveReason, Life, TaskStatus, WaitReason
from overnight.store import leases, pausing, put_down, retirement, sessions, sweeps, turns
from overnight.store.database import Database
from overnight.store.pausing import Moved
from overnight.store.turn import Turn
from tests.store.every_state import cancel, interrupt
from tests.store.scenes import (
    DEFAULT_WORKSPACE,
    NO_LIMITS,
    begin,
    call,
    calls,
    change,
    meanwhile,
    new_session,
    park,
    reply,
    rest,
    session,
    started,
    submit,
    succeed,
    take,
    task,
    try_to_take,
    types,
    work_off,
)


def pause(database: Database, session_id: str, workspace: str = DEFAULT_WORKSPACE) -> Moved:
    with database.write() as connection:
        return pausing.pause(connection, workspace, session_id)


def resume(database: Database, session_id: str) -> Moved:
    with database.write() as connection:
        return pausing.resume(connection, DEFAULT_WORKSPACE, session_id)


def lay_down(database: Database, turn: Turn) -> bool:
    with database.write() as connection:
        return put_down.put_down(connection, turn.lease, turn, call())


def due(database: Database) -> list[str]:
    with database.write() as connection:
        return list(sweeps.take_due(connection))


def test_a_running_task_waits_and_goes_on_where_it_was(database: Database) -> None:
    turn = started(database)
    session_id, task_id = turn.task.session_id, turn.task.id
    assert pause(database, session_id) == Moved(changed=True)
    assert lay_down(database, turn)
    laid = task(database, task_id)
    assert (laid.status, laid.wait_reason, laid.due_at) == (TaskStatus.WAITING, WaitReason.PAUSED, None)
    paused = session(database, session_id)
    assert (paused.life, paused.lease_owner, paused.wake_at) == (Life.PAUSED, None, None)
    assert [one.outcome for one in calls(database, session_id)] == ["discarded"]
    told = types(database, session_id)
    assert told[-3:] == [event_types.SESSION_PAUSED, event_types.REQUEST_END, event_types.SESSION_RESCHEDULED]

    later = submit(database, session_id, "And this.")
    assert (later.ahead, later.wake) == (1, False)
    assert due(database) == []
    assert resume(database, session_id) == Moved(changed=True, wake=True)
    work_off(database, session_id)
    assert {task(database, one).status for one in (task_id, later.task.id)} == {TaskStatus.SUCCEEDED}
    assert task(database, task_id).input_tokens == 2 * call().tokens.input_tokens


def test_pausing_and_resuming_twice_is_no_error(database: Database) -> None:
    session_id = new_session(database)
    assert resume(database, session_id) == Moved(changed=False)
    assert [pause(database, session_id).changed for _ in range(2)] == [True, False]
    assert [resume(database, session_id).changed for _ in range(2)] == [True, False]
    assert types(database, session_id) == [event_types.SESSION_PAUSED, event_types.SESSION_RESUMED]


def test_what_is_closed_or_anothers_is_not_paused(database: Database) -> None:
    session_id = new_session(database)
    with pytest.raises(NotFound):
        pause(database, session_id, "wrkspc_other")
    pause(database, session_id)
    with database.write() as connection:
        sessions.archive(connection, DEFAULT_WORKSPACE, session_id)
    for move in (pause, resume):
        with pytest.raises(SessionClosed, match="archived"):
            move(database, session_id)


def test_no_step_begins_in_a_paused_session(database: Database) -> None:
    session_id = new_session(database)
    submit(database, session_id)
    lease = take(database, session_id)
    pause(database, session_id)
    with pytest.raises(SessionPaused):
        begin(database, lease)
    with database.write() as connection:
        assert put_down.put_down(connection, lease)
    assert session(database, session_id).wake_at is None


def test_an_owner_who_ends_a_turn_does_not_begin_the_next(database: Database) -> None:
    turn = started(database)
    following = submit(database, turn.task.session_id).task
    pause(database, turn.task.session_id)
    with database.write() as connection:
        left = turns.succeed(connection, turn, reply(), chain=True)
    assert left is not None
    assert not isinstance(left, Turn)
    assert task(database, following.id).status == TaskStatus.QUEUED


def test_a_pause_and_the_end_of_a_turn_at_once(database: Database) -> None:
    turn = started(database)

    def pause_it(connection: Connection) -> Moved:
        return pausing.pause(connection, DEFAULT_WORKSPACE, turn.task.session_id)

    meanwhile(database, pause_it, lambda connection: turns.succeed(connection, turn, reply()))
    assert task(database, turn.task.id).status == TaskStatus.SUCCEEDED
    assert session(database, turn.task.session_id).life == Life.PAUSED


def test_a_resumed_session_is_not_put_down(database: Database) -> None:
    turn = started(database)
    pause(database, turn.task.session_id)
    assert not resume(database, turn.task.session_id).wake, "its owner is there"
    assert not lay_down(database, turn)
    assert task(database, turn.task.id).status == TaskStatus.RUNNING
    assert due(database) == [turn.task.session_id]


def test_a_dead_owners_task_is_put_down_by_the_next(database: Database) -> None:
    turn = started(database)
    session_id = turn.task.session_id
    pause(database, session_id)
    change(database, session_id, lease_expires_at=-1.0, wake_at=-1.0)
    assert due(database) == [session_id]
    lease = take(database, session_id, "other#1")
    assert lease.is_paused
    with database.write() as connection:
        assert put_down.put_down(connection, lease)
    assert task(database, turn.task.id).wait_reason == WaitReason.PAUSED


@pytest.mark.parametrize(
    "ask",
    [
        lambda database, turn: cancel(database, turn.task.id),
        lambda database, turn: interrupt(database, turn.task.session_id),
    ],
)
def test_what_somebody_wants_ended_ends(database: Database, ask: object) -> None:
    turn = started(database)
    pause(database, turn.task.session_id)
    ask(database, turn)  # type: ignore[operator]
    assert lay_down(database, turn)
    assert task(database, turn.task.id).status == TaskStatus.CANCELLED
    assert session(database, turn.task.session_id).idle_since is not None
    assert types(database, turn.task.session_id)[-2:] == [event_types.TASK_CANCELLED, event_types.SESSION_IDLE]


def test_what_waits_paused_is_cancelled_at_once(database: Database) -> None:
    turn = started(database)
    pause(database, turn.task.session_id)
    lay_down(database, turn)
    cancelled, wake = cancel(database, turn.task.id)
    assert (cancelled.status, wake) == (TaskStatus.CANCELLED, False)


def test_a_wait_that_ends_in_a_pause_goes_on_after_it(database: Database) -> None:
    turn = started(database)
    session_id = turn.task.session_id
    park(database, turn, delay=0.0)
    pause(database, session_id)
    lease = take(database, session_id)
    with database.write() as connection:
        assert put_down.put_down(connection, lease)
    assert task(database, turn.task.id).wait_reason == WaitReason.RETRY
    assert due(database) == []
    assert resume(database, session_id).wake
    work_off(database, session_id)
    assert task(database, turn.task.id).status == TaskStatus.SUCCEEDED


def test_a_pause_wins_over_an_expiry_under_way(database: Database) -> None:
    turn = started(database)
    succeed(database, turn)
    session_id = turn.task.session_id
    lease = take(database, session_id)
    pause(database, session_id)
    with database.write() as connection:
        assert not retirement.archive(connection, lease, ArchiveReason.IDLE, "…", None, None)
    assert rest(database, lease) is None
    assert session(database, session_id).life == Life.PAUSED


def test_a_paused_session_does_not_expire_and_has_all_its_time_after(database: Database) -> None:
    session_id = new_session(database)
    change(database, session_id, idle_since=-100.0, wake_at=-1.0)
    pause(database, session_id)
    lease = take(database, session_id)
    with database.write() as connection:
        assert put_down.put_down(connection, lease)
    assert session(database, session_id).wake_at is None
    resume(database, session_id)
    lease = take(database, session_id)
    assert rest(database, lease, Limits(idle_ttl=50.0, max_age=0, notice=0)) is None
    row: Session = session(database, session_id)
    assert row.wake_at is not None
    assert row.idle_since is not None
    assert (row.wake_at - row.idle_since).total_seconds() == pytest.approx(50.0)


def test_a_keeper_learns_what_is_paused(database: Database) -> None:
    turn, other = started(database), started(database, "node#2")
    for each in (turn, other):
        pause(database, each.task.session_id)
    with database.read() as connection:
        assert list(leases.paused(connection, "node#1")) == [turn.task.session_id]


def test_no_one_else_takes_what_an_owner_is_putting_down(database: Database) -> None:
    turn = started(database)
    pause(database, turn.task.session_id)
    assert try_to_take(database, turn.task.session_id, "other#1") is None
    assert NO_LIMITS.idle_ttl == 0
