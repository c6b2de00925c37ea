"""Answers against each other, and against whoever owns or ends the task they are for."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection

from overnight.errors import InvalidRequest, SessionClosed
from overnight.models import DEFAULT_WORKSPACE
from overnight.states import CallStatus, TaskStatus
from overnight.store import sessions, submissions, tool_turns
from overnight.store.database import Database
from tests import asking
from tests.asking import APPROVED, CUSTOM
from tests.store.answering import allow, at_work, delivered, deny, found, provide, taken_up, waiting
from tests.store.every_state import check_numbers
from tests.store.scenes import at_once, clock, events, ledger, meanwhile, session, task


def test_two_who_say_the_same_at_once_are_both_content(database: Database) -> None:
    parked, [call] = waiting(database, APPROVED)
    one, other = meanwhile(database, lambda c: allow(c, call), lambda c: allow(c, call))
    assert one.event == other.event
    assert [event.type for event in events(database, parked.session_id)].count("user.tool_confirmation") == 1
    check_numbers(database, parked.session_id)


def test_of_two_who_differ_the_first_counts(database: Database) -> None:
    parked, [call] = waiting(database, APPROVED)
    with pytest.raises(InvalidRequest, match="has its answer already"):
        meanwhile(database, lambda c: deny(c, call), lambda c: allow(c, call))
    assert found(database, call).status == CallStatus.DONE
    check_numbers(database, parked.session_id)


def test_of_many_results_at_once_one_is_taken(database: Database) -> None:
    parked, [call] = waiting(database, CUSTOM)

    def act(number: int) -> str | None:
        try:
            with database.write() as connection:
                provide(connection, call, str(number))
        except InvalidRequest:
            return None
        return str(number)

    [taken] = [said for said in at_once(6, act) if said is not None]
    [result] = delivered(database, taken_up(database, parked))
    assert result["content"] == [{"type": "text", "text": taken}]
    check_numbers(database, parked.session_id)


def test_two_partial_answers_at_once_leave_nobody_waiting(database: Database) -> None:
    parked, [first, second] = waiting(database, CUSTOM, CUSTOM)
    meanwhile(database, lambda c: provide(c, first), lambda c: provide(c, second))
    due = task(database, parked.id).due_at
    assert due is not None
    assert due <= clock(database)
    assert len(delivered(database, taken_up(database, parked))) == 2


def test_an_answer_that_comes_before_the_owner_lets_go_is_seen_by_him(database: Database) -> None:
    turn, [call] = at_work(database, CUSTOM)
    answered, settled = meanwhile(database, lambda c: provide(c, call), lambda c: tool_turns.settle(c, turn, ()))
    assert answered.wake is False
    assert settled is not None
    assert settled[1][0][1][0]["content"] == [{"type": "text", "text": "42"}]


def test_an_answer_that_waits_for_the_owner_to_let_go_sends_for_the_next(database: Database) -> None:
    turn, [call] = at_work(database, CUSTOM)
    gone, answered = meanwhile(database, lambda c: asking.let_go(c, turn), lambda c: provide(c, call))
    assert gone is True
    assert answered.wake is True
    parked, row = task(database, turn.task.id), session(database, turn.task.session_id)
    assert (parked.status, row.lease_owner) == (TaskStatus.WAITING, None)
    assert parked.due_at is not None
    assert row.wake_at is not None
    assert len(delivered(database, taken_up(database, parked))) == 1


def test_a_call_that_is_allowed_while_the_owner_lets_go_is_not_left_lying(database: Database) -> None:
    turn, [call] = at_work(database, APPROVED)
    _, settled = meanwhile(database, lambda c: allow(c, call), lambda c: tool_turns.settle(c, turn, ()))
    assert settled is not None
    assert settled[1] == []
    assert task(database, turn.task.id).status == TaskStatus.RUNNING


def test_an_answer_that_waits_for_a_cancel_comes_too_late(database: Database) -> None:
    parked, [call] = waiting(database, APPROVED)
    with pytest.raises(InvalidRequest, match="has ended"):
        meanwhile(
            database,
            lambda c: submissions.cancel(c, DEFAULT_WORKSPACE, parked.id),
            lambda c: allow(c, call),
        )
    assert task(database, parked.id).status == TaskStatus.CANCELLED


def test_a_cancel_that_waits_for_an_answer_ends_what_it_let_run(database: Database) -> None:
    parked, [call] = waiting(database, APPROVED)
    _, (cancelled, _) = meanwhile(
        database, lambda c: allow(c, call), lambda c: submissions.cancel(c, DEFAULT_WORKSPACE, parked.id)
    )
    assert cancelled.status == TaskStatus.CANCELLED
    assert found(database, call).status == CallStatus.DONE
    [result] = ledger(database, parked.session_id)[-1].content
    assert (result["tool_use_id"], result["is_error"]) == (call.tool_use_id, True)


@pytest.mark.parametrize("close", [sessions.archive, sessions.delete])
def test_an_answer_against_the_end_of_the_session(database: Database, close: Callable[..., Any]) -> None:
    parked, [call] = waiting(database, CUSTOM)

    def end(connection: Connection) -> None:
        close(connection, DEFAULT_WORKSPACE, parked.session_id)

    meanwhile(database, lambda c: provide(c, call), end)
    assert found(database, call).content == [{"type": "text", "text": "42"}]
    parked, [call] = waiting(database, CUSTOM)
    with pytest.raises((SessionClosed, InvalidRequest) if close is sessions.archive else Exception):
        meanwhile(database, end, lambda c: provide(c, call))
    assert found(database, call).is_error
