"""Cancel, interrupt and retry: from every status, twice, and against an owner at work."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from overnight.errors import IllegalMove, LeaseLost, NotFound
from overnight.models import Task
from overnight.states import TASK_MOVES, StopRequest, TaskStatus, WaitReason, sources
from overnight.store import submissions, tasks, turns
from overnight.store.database import Database
from overnight.store.turns import Turn
from tests.store.scenes import (
    DEFAULT_WORKSPACE,
    NO_LIMITS,
    begin,
    clock,
    events,
    fail,
    ledger,
    meanwhile,
    new_session,
    park,
    reply,
    rest,
    session,
    span,
    started,
    submit,
    succeed,
    take,
    task,
    try_to_take,
    types,
)


def a_queued(database: Database) -> str:
    return submit(database, new_session(database)).task.id


def a_scheduled(database: Database) -> str:
    later = clock(database) + timedelta(hours=1)
    return submit(database, new_session(database), not_before=later).task.id


def after_its(end: Callable[[Database, Turn], object] | None) -> Callable[[Database], str]:
    def make(database: Database) -> str:
        turn = started(database)
        if end:
            end(database, turn)
        return turn.task.id

    return make


def a_cancelled(database: Database) -> str:
    task_id = a_queued(database)
    cancel(database, task_id)
    return task_id


IN: dict[str, Callable[[Database], str]] = {
    "queued": a_queued,
    "running": after_its(None),
    "retrying": after_its(park),
    "scheduled": a_scheduled,
    "succeeded": after_its(succeed),
    "failed": after_its(fail),
    "cancelled": a_cancelled,
}


def cancel(database: Database, task_id: str) -> tuple[Task, bool]:
    with database.write() as connection:
        return submissions.cancel(connection, DEFAULT_WORKSPACE, task_id)


def retry(database: Database, task_id: str) -> tuple[Task, bool]:
    with database.write() as connection:
        return submissions.retry(connection, DEFAULT_WORKSPACE, task_id)


def interrupt(database: Database, session_id: str) -> str | None:
    """Gives the id of the task that is to stop."""
    with database.write() as connection:
        return submissions.interrupt(connection, DEFAULT_WORKSPACE, session_id)[0].task_id


def check_numbers(database: Database, session_id: str) -> None:
    """Every event has its own place, in order, and the session knows the last."""
    places = [event.seq for event in events(database, session_id)]
    assert places == sorted(set(places))
    assert places[-1] == session(database, session_id).event_seq


@pytest.mark.parametrize(
    ("state", "first", "second", "event"),
    [
        ("queued", "cancelled", "cancelled", "task.cancelled"),
        ("running", "running", "running", "task.stop_requested"),
        ("retrying", "cancelled", "cancelled", "task.cancelled"),
        ("scheduled", "cancelled", "cancelled", "task.cancelled"),
        ("succeeded", IllegalMove, IllegalMove, None),
        ("failed", IllegalMove, IllegalMove, None),
        ("cancelled", "cancelled", "cancelled", None),
    ],
)
def test_cancel(
    database: Database, state: str, first: str | type[Exception], second: str | type[Exception], event: str | None
) -> None:
    task_id = IN[state](database)
    before = task(database, task_id)
    for expected in (first, second):
        if isinstance(expected, str):
            assert cancel(database, task_id)[0].status == expected
        else:
            with pytest.raises(expected, match=f"task {task_id} has already {state}"):
                cancel(database, task_id)
    after = task(database, task_id)
    assert (after.stop_request == StopRequest.CANCEL) == (state == "running")
    assert (after.wait_reason, after.due_at) == (None, None)
    if event is None:
        assert after == before
    else:
        check_numbers(database, after.session_id)
        assert types(database, after.session_id)[-1] == event


@pytest.mark.parametrize("state", [state for state in IN if state != "failed"])
def test_only_a_failed_task_is_retried(database: Database, state: str) -> None:
    task_id = IN[state](database)
    before = task(database, task_id)
    with pytest.raises(IllegalMove, match=f"task {task_id} is {before.status}; only a failed task can be retried"):
        retry(database, task_id)
    assert task(database, task_id) == before


def test_a_retry_queues_a_failed_task_afresh_in_its_old_place(database: Database) -> None:
    task_id = IN["failed"](database)
    session_id = task(database, task_id).session_id
    later = submit(database, session_id).task
    again, _ = retry(database, task_id)
    assert (again.status, again.error, again.stop_reason, again.finished_at) == ("queued", None, None, None)
    assert (again.attempts, again.retry_since, again.stop_request, again.seq) == (0, None, None, 1)
    with pytest.raises(IllegalMove, match="is queued; only a failed"):
        retry(database, task_id)
    assert types(database, session_id)[-1] == "task.queued"
    lease = take(database, session_id)
    turn = begin(database, lease)
    assert turn.task.id == task_id
    following = succeed(database, turn, "at last")
    assert following is not None
    assert following.id == later.id
    assert task(database, task_id).output == "at last"


def test_a_retry_wakes_a_session_that_nobody_owns(database: Database) -> None:
    assert retry(database, IN["failed"](database))[1] is True


@pytest.mark.parametrize(
    ("state", "stopped", "status"),
    [
        ("queued", False, "queued"),
        ("running", True, "running"),
        ("retrying", False, "cancelled"),
        ("scheduled", False, "waiting"),
        ("succeeded", False, "succeeded"),
        ("failed", False, "failed"),
        ("cancelled", False, "cancelled"),
    ],
)
def test_interrupt(database: Database, state: str, stopped: bool, status: str) -> None:
    task_id = IN[state](database)
    session_id = task(database, task_id).session_id
    for _ in range(2):
        assert interrupt(database, session_id) == (task_id if stopped else None)
    after = task(database, task_id)
    assert after.status == status
    assert (after.stop_request == StopRequest.INTERRUPT) == stopped
    if state == "retrying":
        assert (after.stop_reason, after.wait_reason) == ("interrupted", None)
    assert types(database, session_id).count("user.interrupt") == 2
    check_numbers(database, session_id)


def test_an_interrupt_leaves_the_queue(database: Database) -> None:
    turn = started(database)
    behind = submit(database, turn.task.session_id).task
    interrupt(database, turn.task.session_id)
    with database.write() as connection:
        following = turns.stop(connection, turn, StopRequest.INTERRUPT, None)
    assert following is not None
    assert following.id == behind.id
    assert (following.status, following.stop_request) == ("queued", None)
    assert task(database, turn.task.id).stop_reason == "interrupted"


def test_an_interrupt_finds_the_running_task_behind_one_that_is_retried(database: Database) -> None:
    task_id = IN["failed"](database)
    session_id = task(database, task_id).session_id
    submit(database, session_id)
    turn = begin(database, take(database, session_id))
    retry(database, task_id)
    assert interrupt(database, session_id) == turn.task.id
    assert task(database, turn.task.id).stop_request == StopRequest.INTERRUPT
    assert task(database, task_id).status == TaskStatus.QUEUED


@pytest.mark.parametrize("state", ["queued", "retrying", "scheduled"])
def test_a_session_whose_last_task_was_cancelled_while_it_waited_says_that_it_is_idle(
    database: Database, state: str
) -> None:
    """Whoever follows a session waits for `session.status_idle`."""
    task_id = IN[state](database)
    session_id = task(database, task_id).session_id
    assert cancel(database, task_id)[1] is (state == "retrying")
    assert rest(database, take(database, session_id)) is None
    assert types(database, session_id)[-1] == "session.status_idle"
    row = session(database, session_id)
    assert row.idle_since is not None
    assert rest(database, take(database, session_id)) is None
    assert types(database, session_id).count("session.status_idle") == 1
    assert session(database, session_id).idle_since == row.idle_since


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
    turn = Turn(lease, task(database, task_id), span(), NO_LIMITS)
    _, (cancelled, wake) = meanwhile(
        database,
        lambda connection: turns.begin(connection, turn),
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
    turn = Turn(lease, task(database, task_id), span(), NO_LIMITS)
    with pytest.raises(LeaseLost):
        meanwhile(
            database,
            lambda connection: submissions.cancel(connection, DEFAULT_WORKSPACE, task_id),
            lambda connection: turns.begin(connection, turn),
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
        turns.hand_back(connection, turn.lease, grace=2.0)
    assert begin(database, take(database, turn.task.session_id, "b#1")).task.stop_request == StopRequest.CANCEL


def test_an_unknown_task_is_not_found(database: Database) -> None:
    for verb in (cancel, retry):
        with pytest.raises(NotFound, match="task task_unknown not found"):
            verb(database, "task_unknown")
    with pytest.raises(NotFound, match="session sesn_unknown not found"):
        interrupt(database, "sesn_unknown")


def test_owners_and_callers_move_tasks_only_as_the_table_allows(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever sources a verb names for its guard, the table has them."""
    named: list[tuple[TaskStatus, list[TaskStatus]]] = []
    move = tasks.move

    def watched(connection: Connection, task_id: str, target: TaskStatus, **how: object) -> bool:
        named.append((target, list(how["sources"])))  # type: ignore[call-overload]
        return move(connection, task_id, target, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(tasks, "move", watched)
    for make in IN.values():
        make(database)
    retry(database, IN["failed"](database))
    interrupt(database, task(database, IN["retrying"](database)).session_id)
    turn = started(database)
    with database.write() as connection:
        turns.stop(connection, turn, StopRequest.CANCEL, None)
    assert {target for target, _ in named} == set(TaskStatus)
    for target, legal in named:
        assert set(legal) <= set(sources(TASK_MOVES, target))
    assert try_to_take(database, turn.task.session_id) is not None
