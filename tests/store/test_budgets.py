"""A budget that is reached makes the next task wait, and raising it lets it go on: also at the same moment."""

import pytest
from sqlalchemy import Connection

from overnight import money
from overnight.models import DEFAULT_WORKSPACE
from overnight.states import StopRequest, WaitReason
from overnight.store import budgets, session_changes, submissions, tasks
from overnight.store.database import Database
from overnight.store.turn import Turn
from tests.store.scenes import NO_LIMITS, events, meanwhile, new_session, session, submit, take, task, types

BUDGET = 100 * money.CENT


def spent(database: Database, cost: int | None = BUDGET) -> str:
    session_id = new_session(database, budget_nanousd=BUDGET)
    submit(database, session_id)
    with database.write() as connection:
        value = "NULL" if cost is None else cost
        connection.exec_driver_sql(f"UPDATE sessions SET cost_nanousd = {value} WHERE id = '{session_id}'")
    return session_id


def head(database: Database, session_id: str) -> Turn:
    lease = take(database, session_id)
    with database.read() as connection:
        found = tasks.head(connection, session_id)
    assert found is not None
    return Turn(lease, found, None, NO_LIMITS)


def hold(database: Database, turn: Turn) -> bool:
    with database.write() as connection:
        return budgets.hold(connection, turn)


def raise_to(connection: Connection, session_id: str, budget: int | None) -> session_changes.Changed:
    return session_changes.change(
        connection, DEFAULT_WORKSPACE, session_id, lambda _: {"budget_nanousd": budget}, lambda *_: {}
    )


@pytest.mark.parametrize(
    ("cost", "waits"), [(0, False), (BUDGET - 1, False), (BUDGET, True), (BUDGET + 1, True), (None, True)]
)
def test_a_reached_budget_makes_the_task_wait(database: Database, cost: int | None, waits: bool) -> None:
    session_id = spent(database, cost)
    turn = head(database, session_id)
    assert hold(database, turn) is waits
    found = task(database, turn.task.id)
    if not waits:
        assert (found.status, session(database, session_id).lease_owner) == ("queued", turn.lease.owner)
        return
    assert (found.status, found.wait_reason, found.due_at) == ("waiting", "budget", None)
    row = session(database, session_id)
    assert (row.lease_owner, row.wake_at) == (None, None), "it costs nothing to wait"
    assert types(database, session_id)[-2:] == ["session.usage", "session.status_idle"]
    assert events(database, session_id)[-1].payload == {"stop_reason": {"type": "budget_reached"}}


@pytest.mark.parametrize("budget", [2 * BUDGET, None])
def test_a_higher_budget_or_none_lets_it_go_on(database: Database, budget: int | None) -> None:
    session_id = spent(database)
    turn = head(database, session_id)
    assert hold(database, turn)
    with database.write() as connection:
        assert raise_to(connection, session_id, budget).wake is True
    found = task(database, turn.task.id)
    assert found.wait_reason == WaitReason.BUDGET
    assert found.due_at is not None
    assert session(database, session_id).wake_at is not None
    again = head(database, session_id)
    assert hold(database, again) is False


def test_a_budget_that_is_raised_while_the_owner_looks_is_not_overlooked(database: Database) -> None:
    session_id = spent(database)
    turn = head(database, session_id)
    changed, waits = meanwhile(database, lambda c: raise_to(c, session_id, 2 * BUDGET), lambda c: budgets.hold(c, turn))
    assert changed.wake is False, "the owner is there"
    assert waits is False


def test_an_owner_who_lets_go_first_is_sent_for_again(database: Database) -> None:
    session_id = spent(database)
    turn = head(database, session_id)
    waits, changed = meanwhile(database, lambda c: budgets.hold(c, turn), lambda c: raise_to(c, session_id, 2 * BUDGET))
    assert waits is True
    assert changed.wake is True
    assert task(database, turn.task.id).due_at is not None


def test_a_task_that_waits_for_money_can_be_cancelled_and_interrupted(database: Database) -> None:
    for request in StopRequest:
        session_id = spent(database)
        turn = head(database, session_id)
        assert hold(database, turn)
        with database.write() as connection:
            if request is StopRequest.CANCEL:
                submissions.cancel(connection, DEFAULT_WORKSPACE, turn.task.id)
            else:
                submissions.interrupt(connection, DEFAULT_WORKSPACE, session_id)
        assert task(database, turn.task.id).status == "cancelled"
