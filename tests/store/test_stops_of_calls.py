"""Cancel, interrupt and retry of tasks with open calls, against an owner who is about to do something else."""

from dataclasses import replace

import pytest

from overnight.errors import LeaseLost
from overnight.states import StopRequest
from overnight.store import pauses, submissions, tasks, tool_turns, turns
from overnight.store.database import Database
from tests import asking
from tests.asking import APPROVED, CUSTOM
from tests.store.answering import at_work, let_go, taken_up, waiting
from tests.store.every_state import cancel, check_numbers, interrupt, retry
from tests.store.scenes import (
    DEFAULT_WORKSPACE,
    begin,
    clock,
    fail,
    ledger,
    meanwhile,
    session,
    started,
    submit,
    task,
    types,
)

UNAVAILABLE = {"type": "tools_unavailable", "message": "gone"}


def test_a_stop_asked_while_the_owner_lets_go_to_wait_is_carried_out(database: Database) -> None:
    turn, _ = at_work(database, CUSTOM)
    cancel(database, turn.task.id)
    let_go(database, turn)
    turn = taken_up(database, turn.task)
    assert (turn.task.status, turn.task.stop_request) == ("waiting", "cancel")
    with database.write() as connection:
        assert turns.stop(connection, turn, StopRequest.CANCEL, None) is None
    ended = task(database, turn.task.id)
    assert (ended.status, ended.open_calls, ended.due_at) == ("cancelled", 0, None)
    assert ledger(database, ended.session_id)[-1].content[0]["type"] == "tool_result"
    check_numbers(database, ended.session_id)


def test_what_is_cancelled_under_an_owners_eyes_waits_for_no_worker(database: Database) -> None:
    waits, _ = waiting(database, CUSTOM)
    turn = taken_up(database, waits)
    cancel(database, waits.id)
    told = types(database, waits.session_id)
    with pytest.raises(LeaseLost), database.write() as connection:
        pauses.wait_for_worker(connection, turn, UNAVAILABLE)
    assert types(database, waits.session_id) == told


def test_a_tool_that_goes_on_after_its_task_reports_no_more(database: Database) -> None:
    turn, _ = at_work(database, CUSTOM)
    submit(database, turn.task.session_id)
    with database.write() as connection:
        turns.stop(connection, turn, StopRequest.CANCEL, None)
    assert session(database, turn.task.session_id).lease_owner is not None, "the next task is the owner's too"
    told = types(database, turn.task.session_id)
    with pytest.raises(LeaseLost), database.write() as connection:
        tool_turns.report(connection, turn, "still here", 0.5)
    assert types(database, turn.task.session_id) == told


def test_a_retried_task_lets_open_calls_go_first(database: Database) -> None:
    """It comes first in the queue, but nothing may come between a call and its result."""
    before = started(database)
    submit(database, before.task.session_id)
    fail(database, before)
    turn = begin(database, replace(before.lease, now=clock(database)))
    with database.write() as connection:
        turn, _ = asking.ask(connection, turn, [APPROVED])
    let_go(database, turn)
    retry(database, before.task.id)
    with database.read() as connection:
        head = tasks.head(connection, turn.task.session_id)
    assert head is not None
    assert head.id == turn.task.id
    interrupt(database, turn.task.session_id)
    assert (task(database, turn.task.id).status, task(database, before.task.id).status) == ("cancelled", "queued")
    with database.read() as connection:
        head = tasks.head(connection, turn.task.session_id)
    assert head is not None
    assert head.id == before.task.id


def test_a_worker_that_comes_keeps_to_the_order_of_locks(database: Database) -> None:
    """First the session, then its task, as whoever answers: the other way round each would wait for the other."""
    turn, _ = at_work(database, CUSTOM)
    with database.write() as connection:
        pauses.wait_for_worker(connection, turn, UNAVAILABLE)
    waits = task(database, turn.task.id)
    _, woken = meanwhile(
        database,
        lambda connection: submissions.call_attention(connection, DEFAULT_WORKSPACE, waits.session_id, count=0),
        pauses.try_again_now,
        then=lambda connection: tasks.keep(connection, waits, due_at=None),
    )
    assert woken == 1
    now = task(database, waits.id)
    assert (now.wait_reason, now.attempts) == ("worker", 0)
    assert now.due_at is not None
