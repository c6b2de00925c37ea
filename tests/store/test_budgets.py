"""A budget that has no room makes the next task wait, and raising it lets it go on: also at the same moment."""

from typing import Any

import pytest
from sqlalchemy import Connection, update
from sqlmodel import col

from overnight import money
from overnight.ceilings import Ceiling
from overnight.errors import IllegalMove, InvalidRequest
from overnight.models import DEFAULT_WORKSPACE, Session
from overnight.pricing import Tokens
from overnight.states import StopRequest, WaitReason
from overnight.store import budgets, session_changes, submissions, task_budgets, tasks
from overnight.store.database import Database
from overnight.store.turn import Turn
from tests.store.scenes import (
    NO_LIMITS,
    begin,
    call,
    events,
    meanwhile,
    new_session,
    reply,
    session,
    submit,
    succeed,
    take,
    task,
    types,
)

BUDGET = 100 * money.CENT
#: What the first request of these tests is taken for: a prompt of one token.
PROMPT = 2_000


def spent(database: Database, cost: int | None = BUDGET, **budget: Any) -> str:
    session_id = new_session(database, **(budget or {"budget_nanousd": BUDGET}))
    submit(database, session_id)
    with database.write() as connection:
        used = {"cost_nanousd": cost, "input_tokens": 900}
        connection.execute(update(Session).where(col(Session.id) == session_id).values(**used))
    return session_id


def head(database: Database, session_id: str) -> Turn:
    lease = take(database, session_id)
    with database.read() as connection:
        found = tasks.head(connection, session_id)
    assert found is not None
    return Turn(lease, found, None, NO_LIMITS)


def held(connection: Connection, turn: Turn) -> bool:
    return budgets.begin(connection, turn.lease, turn.task, NO_LIMITS) is None


def hold(database: Database, turn: Turn) -> bool:
    with database.write() as connection:
        return held(connection, turn)


def raise_to(connection: Connection, session_id: str, budget: int | None) -> session_changes.Changed:
    return session_changes.change(
        connection, DEFAULT_WORKSPACE, session_id, lambda _: {"budget_nanousd": budget}, lambda *_: {}
    )


@pytest.mark.parametrize(
    ("cost", "waits"), [(0, False), (BUDGET - PROMPT, False), (BUDGET - PROMPT + 1, True), (BUDGET, True), (None, True)]
)
def test_a_budget_without_room_makes_the_task_wait(database: Database, cost: int | None, waits: bool) -> None:
    session_id = spent(database, cost)
    turn = head(database, session_id)
    assert hold(database, turn) is waits
    found = task(database, turn.task.id)
    if not waits:
        assert (found.status, session(database, session_id).lease_owner) == ("running", turn.lease.owner)
        return
    assert (found.status, found.wait_reason, found.due_at) == ("waiting", "budget", None)
    row = session(database, session_id)
    assert (row.lease_owner, row.wake_at) == (None, None), "it costs nothing to wait"
    assert types(database, session_id)[-2:] == ["session.usage", "session.status_idle"]
    assert events(database, session_id)[-1].payload == {"stop_reason": {"type": "budget_reached"}}


def test_the_task_says_which_budget_it_waits_for_and_how_far_that_is(database: Database) -> None:
    turn = head(database, spent(database))
    assert hold(database, turn)
    error = task(database, turn.task.id).error
    assert error is not None
    assert error["type"] == "budget_reached"
    assert "the budget of the session is reached: $1.0000 of $1.0000 are spent" in error["message"]
    assert f"POST /v1/sessions/{turn.task.session_id}" in error["message"]
    assert (error["budget"]["level"], error["budget"]["max_usd"], error["budget"]["spent_usd"]) == ("session", 1.0, 1.0)


@pytest.mark.parametrize(("tokens", "waits"), [(901, False), (900, True)])
def test_a_budget_in_tokens(database: Database, tokens: int, waits: bool) -> None:
    session_id = spent(database, None, budget_tokens=tokens)
    assert hold(database, head(database, session_id)) is waits


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
    changed, waits = meanwhile(database, lambda c: raise_to(c, session_id, 2 * BUDGET), lambda c: held(c, turn))
    assert changed.wake is False, "the owner is there"
    assert waits is False


def test_an_owner_who_lets_go_first_is_sent_for_again(database: Database) -> None:
    session_id = spent(database)
    turn = head(database, session_id)
    waits, changed = meanwhile(database, lambda c: held(c, turn), lambda c: raise_to(c, session_id, 2 * BUDGET))
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


def test_the_next_request_is_taken_for_what_the_last_one_was_and_what_has_come_since(database: Database) -> None:
    session_id = new_session(database)
    submit(database, session_id)
    turn = begin(database, take(database, session_id))
    with database.write() as connection:
        paid = call(Tokens(0, 100, cache_write_tokens=4_000, cache_read_tokens=6_000))
        budgets.turns.succeed(connection, turn, reply(paid=paid))
    cost = session(database, session_id).cost_nanousd or 0
    # 10,000 tokens from the cache, and 100 of its own with 50 of the prompt into it; as long a reply as before.
    wish = 10_000 * 100 + 150 * 2_500 + 100 * 10_000
    for room, waits in ((wish - 1, True), (wish, False)):
        submitted = submit(database, session_id, "x" * 200)
        with database.write() as connection:
            budget = update(Session).where(col(Session.id) == session_id)
            connection.execute(budget.values(budget_nanousd=cost + room, budget_warned=True))
        turn = head(database, session_id)
        assert hold(database, turn) is waits
        with database.write() as connection:
            submissions.cancel(connection, DEFAULT_WORKSPACE, submitted.task.id)


def test_a_warning_is_told_once_and_again_when_the_budget_is_raised(database: Database) -> None:
    session_id = spent(database, round(0.8 * BUDGET))
    assert not hold(database, head(database, session_id))
    (warning,) = [event for event in events(database, session_id) if event.type == "session.budget_warning"]
    assert warning.payload["budget"]["spent_usd"] == 0.8
    for _ in range(2):
        change_lease(database, session_id)
        assert not hold(database, head(database, session_id))
    assert types(database, session_id).count("session.budget_warning") == 1
    with database.write() as connection:
        raise_to(connection, session_id, BUDGET + 1)
    change_lease(database, session_id)
    assert not hold(database, head(database, session_id))
    assert types(database, session_id).count("session.budget_warning") == 2


def change_lease(database: Database, session_id: str) -> None:
    with database.write() as connection:
        free = {"lease_owner": None, "lease_expires_at": None}
        connection.execute(update(Session).where(col(Session.id) == session_id).values(**free))


def change_task(database: Database, task_id: str, **limits: int) -> bool:
    with database.write() as connection:
        return task_budgets.change(connection, DEFAULT_WORKSPACE, task_id, Ceiling(**limits))[1]


def test_a_task_has_a_budget_of_its_own_that_one_call_raises(database: Database) -> None:
    session_id = new_session(database)
    first = submit(database, session_id, budget=Ceiling(nanousd=PROMPT - 1)).task
    assert hold(database, head(database, session_id))
    error = task(database, first.id).error
    assert error is not None
    assert f"POST /v1/tasks/{first.id}" in error["message"]
    assert change_task(database, first.id, nanousd=PROMPT) is True
    turn = head(database, session_id)
    with database.write() as connection:
        begun = budgets.begin(connection, turn.lease, turn.task, NO_LIMITS)
    assert begun is not None
    succeed(database, begun)
    assert task(database, first.id).status == "succeeded"
    with pytest.raises(IllegalMove, match="has already succeeded"):
        change_task(database, first.id, nanousd=1)


def test_a_task_that_runs_without_a_budget_or_has_cost_more_takes_none(database: Database) -> None:
    session_id = new_session(database)
    submit(database, session_id)
    turn = begin(database, take(database, session_id))
    with pytest.raises(InvalidRequest, match="the task runs without one"):
        change_task(database, turn.task.id, tokens=1)
    change_task(database, turn.task.id)
    with database.write() as connection:
        tasks.keep(connection, turn.task, input_tokens=500, budget_tokens=400)
    with pytest.raises(InvalidRequest, match="500 tokens so far; give more than that"):
        change_task(database, turn.task.id, tokens=500)
