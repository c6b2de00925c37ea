"""Cancel, interrupt and retry: from every status, twice."""

import pytest
from sqlalchemy import Connection

from overnight.errors import IllegalMove, NotFound
from overnight.states import TASK_MOVES, StopRequest, TaskStatus, sources
from overnight.store import tasks, turns
from overnight.store.database import Database
from tests.store.every_state import IN, cancel, check_numbers, interrupt, retry
from tests.store.scenes import (
    begin,
    rest,
    session,
    started,
    submit,
    succeed,
    take,
    task,
    try_to_take,
    types,
)


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
        ("queued", True, "cancelled"),
        ("running", True, "running"),
        ("retrying", True, "cancelled"),
        ("scheduled", False, "waiting"),
        ("succeeded", False, "succeeded"),
        ("failed", False, "failed"),
        ("cancelled", False, "cancelled"),
    ],
)
def test_interrupt(database: Database, state: str, stopped: bool, status: str) -> None:
    task_id = IN[state](database)
    session_id = task(database, task_id).session_id
    assert interrupt(database, session_id) == (task_id if stopped else None)
    assert interrupt(database, session_id) == (task_id if state == "running" else None)
    after = task(database, task_id)
    assert after.status == status
    assert (after.stop_request == StopRequest.INTERRUPT) == (state == "running")
    if stopped and state != "running":
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
