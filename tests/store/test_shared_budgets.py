"""Budgets of workspaces and users: what counts, what is under way, who waits and who is let go on."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from overnight.budget_models import Budget
from overnight.ceilings import Ceiling, Level
from overnight.errors import InvalidRequest, NotFound
from overnight.ids import WORKSPACE, new_id
from overnight.models import DEFAULT_WORKSPACE, ModelCall
from overnight.periods import Period, end_of, start_of
from overnight.pricing import Tokens
from overnight.store import budgets, pauses, removal, shared_budgets, tasks
from overnight.store.database import Database
from overnight.store.shared_budgets import Seen
from overnight.store.turn import Turn
from tests.store.scenes import (
    NO_LIMITS,
    at_once,
    call,
    clock,
    events,
    meanwhile,
    new_session,
    session,
    submit,
    succeed,
    take,
    task,
    types,
)

#: What a request costs in these tests: by `call()`, and as it is forecast for a prompt of one token.
COST, PROMPT = 299_000, 2_000


def set_budget(database: Database, user_id: str | None = None, period: Period = Period.TOTAL, **ceiling: int) -> str:
    with database.write() as connection:
        seen = shared_budgets.create(connection, DEFAULT_WORKSPACE, user_id, period, Ceiling(**ceiling))
    return seen.budget.id


def seen(database: Database, budget_id: str) -> Seen:
    with database.read() as connection:
        return shared_budgets.get(connection, DEFAULT_WORKSPACE, budget_id)


def ready(database: Database, **of_session: Any) -> Turn:
    """A session with a task that its owner is about to begin."""
    session_id = new_session(database, **of_session)
    submit(database, session_id)
    lease = take(database, session_id)
    with database.read() as connection:
        head = tasks.head(connection, session_id)
    assert head is not None
    return Turn(lease, head, None, NO_LIMITS)


def begin(database: Database, turn: Turn) -> Turn | None:
    with database.write() as connection:
        return budgets.begin(connection, turn.lease, turn.task, NO_LIMITS)


def begun(database: Database, **of_session: Any) -> Turn:
    turn = begin(database, ready(database, **of_session))
    assert turn is not None
    return turn


def pay(database: Database, **of_session: Any) -> None:
    succeed(database, begun(database, **of_session))


def change(database: Database, budget_id: str, **ceiling: int) -> list[str]:
    with database.write() as connection:
        shared_budgets.change(connection, DEFAULT_WORKSPACE, budget_id, lambda _: Ceiling(**ceiling))
    with database.write() as connection:
        return list(shared_budgets.let_go_on(connection, DEFAULT_WORKSPACE, budget_id)[1])


def why(database: Database, turn: Turn) -> dict[str, Any]:
    found = task(database, turn.task.id)
    assert (found.status, found.wait_reason) == ("waiting", "budget")
    return found.error or {}


def test_what_the_ledger_says_counts_also_what_was_there_before(database: Database) -> None:
    pay(database)
    budget = set_budget(database, nanousd=2 * COST)
    assert seen(database, budget).standing.spent.nanousd == COST
    assert seen(database, budget).standing.spent.tokens == 100
    pay(database)
    waits = ready(database)
    assert begin(database, waits) is None
    error = why(database, waits)
    assert error["type"] == "budget_reached"
    assert error["budget"]["level"] == "workspace"
    assert f"POST /v1/budgets/{budget}" in error["message"]
    assert types(database, waits.task.session_id)[-2:] == ["session.usage", "session.status_idle"]


def test_a_user_has_a_budget_wherever_he_works(database: Database) -> None:
    budget = set_budget(database, "ann", nanousd=COST)
    pay(database)
    pay(database, user_id="bob")
    assert seen(database, budget).standing.spent.nanousd == 0
    pay(database, user_id="ann")
    assert seen(database, budget).standing.spent.nanousd == COST
    waits = ready(database, user_id="ann")
    assert begin(database, waits) is None
    assert why(database, waits)["message"].startswith("the budget of user ann is reached")
    pay(database, user_id="bob")
    session_id = new_session(database, user_id="bob")
    of_ann = submit(database, session_id, user_id="ann").task
    turn = Turn(take(database, session_id), of_ann, None, NO_LIMITS)
    assert begin(database, turn) is None, "the task's user goes before the session's"


def test_what_is_under_way_counts_until_it_is_paid(database: Database) -> None:
    budget = set_budget(database, nanousd=COST + 2 * PROMPT - 1)
    first = begun(database)
    second = ready(database)
    pay_later = ready(database)
    assert begin(database, second) is not None
    succeed(database, first)
    assert begin(database, pay_later) is None
    assert why(database, pay_later)["type"] == "budget_in_use"
    found = task(database, pay_later.task.id)
    assert found.due_at is not None, "it looks again by itself"
    assert types(database, pay_later.task.session_id)[-1] == "session.status_rescheduled"
    assert seen(database, budget).standing.spent.nanousd == COST


def test_who_begin_at_once_take_no_more_than_there_is(database: Database) -> None:
    set_budget(database, nanousd=3 * PROMPT)
    turns = [ready(database) for _ in range(8)]
    outcomes = at_once(8, lambda place: begin(database, turns[place]))
    assert sum(one is not None for one in outcomes) == 3


def test_looking_again_is_rarer_each_time_and_not_told_each_time(database: Database) -> None:
    set_budget(database, nanousd=2 * PROMPT - 1)
    begun(database)
    waits = ready(database)
    delays = []
    for _ in range(3):
        assert begin(database, waits) is None
        found = task(database, waits.task.id)
        assert found.due_at is not None
        delays.append((found.due_at - clock(database)).total_seconds())
        waits = Turn(take(database, found.session_id), found, None, NO_LIMITS)
    assert delays[0] == pytest.approx(2, abs=1.5)
    assert delays[2] > delays[0] + 3
    assert types(database, found.session_id).count("session.status_rescheduled") == 1


def test_a_request_that_has_failed_is_no_longer_under_way(database: Database) -> None:
    set_budget(database, nanousd=2 * PROMPT - 1)
    failed = begun(database)
    with database.write() as connection:
        pauses.wait_in_line(connection, failed, 60.0)
    assert begin(database, ready(database)) is not None


def test_all_who_wait_for_a_budget_go_on_when_it_is_raised(database: Database) -> None:
    budget = set_budget(database, nanousd=1)
    waiting = [ready(database) for _ in range(3)]
    assert [begin(database, turn) for turn in waiting] == [None] * 3
    other = ready(database, budget_nanousd=1)
    assert begin(database, other) is None
    woken = change(database, budget, nanousd=1_000 * PROMPT)
    assert sorted(woken) == sorted(turn.task.session_id for turn in waiting)
    for turn in waiting:
        assert task(database, turn.task.id).due_at is not None
        assert session(database, turn.task.session_id).wake_at is not None
    assert task(database, other.task.id).due_at is None
    with database.write() as connection:
        assert shared_budgets.let_go_on(connection, DEFAULT_WORKSPACE, budget) == (0, [])
    again = waiting[0]
    assert begin(database, Turn(take(database, again.task.session_id), again.task, None, NO_LIMITS)) is not None


def test_who_looks_while_a_budget_is_raised_has_room_or_is_let_go_on(database: Database) -> None:
    budget = set_budget(database, nanousd=1)
    turn = ready(database)
    more = Ceiling(nanousd=1_000 * PROMPT)
    _, looked = meanwhile(
        database,
        lambda c: shared_budgets.change(c, DEFAULT_WORKSPACE, budget, lambda _: more),
        lambda c: budgets.begin(c, turn.lease, turn.task, NO_LIMITS),
    )
    assert looked is not None
    late = ready(database)
    with database.write() as connection:
        shared_budgets.change(connection, DEFAULT_WORKSPACE, budget, lambda _: Ceiling(nanousd=1))
    meanwhile(
        database,
        lambda c: budgets.begin(c, late.lease, late.task, NO_LIMITS),
        lambda c: shared_budgets.change(c, DEFAULT_WORKSPACE, budget, lambda _: more),
    )
    with database.write() as connection:
        assert shared_budgets.let_go_on(connection, DEFAULT_WORKSPACE, budget)[1] == [late.task.session_id]


def test_a_removed_budget_holds_nobody(database: Database) -> None:
    budget = set_budget(database, nanousd=1)
    turn = ready(database)
    assert begin(database, turn) is None
    with database.write() as connection:
        shared_budgets.remove(connection, DEFAULT_WORKSPACE, budget)
    with database.write() as connection:
        assert shared_budgets.let_go_on(connection, DEFAULT_WORKSPACE, budget)[0] == 1
        assert shared_budgets.budgeted_workspaces(connection) == frozenset()


def test_a_day_s_budget_waits_for_the_next_day_and_begins_anew(database: Database) -> None:
    budget = set_budget(database, period=Period.DAY, nanousd=COST)
    pay(database)
    waits = ready(database)
    assert begin(database, waits) is None
    tomorrow = end_of(Period.DAY, clock(database))
    assert tomorrow is not None
    due = task(database, waits.task.id).due_at
    assert due is not None
    assert abs(due - tomorrow) < timedelta(seconds=5)
    with database.write() as connection:
        yesterday = clock(database) - timedelta(days=1)
        connection.execute(update(ModelCall).values(created_at=yesterday))
        past = {"period_start": start_of(Period.DAY, yesterday), "counted_until": start_of(Period.DAY, yesterday)}
        connection.execute(update(Budget).values(**past, spent_nanousd=COST, warned=True))
    assert seen(database, budget).standing.spent.nanousd == 0
    assert begin(database, Turn(take(database, waits.task.session_id), waits.task, None, NO_LIMITS)) is not None
    row = seen(database, budget).budget
    assert (row.spent_nanousd, row.period_start) == (0, start_of(Period.DAY, clock(database)))


def test_what_is_old_is_kept_as_a_sum_and_counted_once(database: Database) -> None:
    pay(database)
    with database.write() as connection:
        connection.execute(update(ModelCall).values(created_at=clock(database) - timedelta(minutes=10)))
    budget = set_budget(database, nanousd=10 * COST)
    pay(database)
    row = seen(database, budget)
    assert row.budget.spent_nanousd == COST, "the newest is not summed up yet"
    assert row.standing.spent.nanousd == 2 * COST
    pay(database)
    assert seen(database, budget).standing.spent.nanousd == 3 * COST


def test_a_warning_once_in_a_period(database: Database) -> None:
    set_budget(database, nanousd=round(COST / 0.796))
    turn = begun(database)
    assert "session.budget_warning" not in types(database, turn.task.session_id)
    succeed(database, turn)
    second, third = begun(database), begun(database)
    (warning,) = [one for one in events(database, second.task.session_id) if one.type == "session.budget_warning"]
    assert warning.payload["budget"]["level"] == Level.WORKSPACE
    assert "session.budget_warning" not in types(database, third.task.session_id)


def test_dollars_do_not_limit_what_has_no_price_and_tokens_do(database: Database) -> None:
    set_budget(database, nanousd=10 * COST)
    turn = ready(database, system=None)
    with database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE sessions SET model = 'some-model', lease_owner = NULL, lease_expires_at = NULL"
        )
    turn = Turn(take(database, turn.task.session_id), turn.task, None, NO_LIMITS)
    assert begin(database, turn) is None
    assert "some-model or a model before it has no listed price" in why(database, turn)["message"]


def test_each_scope_has_one_budget_of_a_kind(database: Database) -> None:
    budget = set_budget(database, "ann", nanousd=1)
    set_budget(database, "ann", Period.DAY, nanousd=1)
    set_budget(database, tokens=1)
    with pytest.raises(InvalidRequest, match=budget):
        set_budget(database, "ann", tokens=1)
    with database.write() as connection:
        listed = shared_budgets.page(connection, DEFAULT_WORKSPACE, None, limit=10, cursor=None)
        assert len(listed) == 3
        assert len(shared_budgets.page(connection, DEFAULT_WORKSPACE, "ann", limit=10, cursor=None)) == 2
        for act in (shared_budgets.get, shared_budgets.remove):
            with pytest.raises(NotFound):
                act(connection, new_id(WORKSPACE), budget)


def test_what_was_spent_stays_when_its_session_is_purged(database: Database) -> None:
    budget = set_budget(database, nanousd=10 * COST)
    turn = begun(database)
    succeed(database, turn)
    with database.write() as connection:
        while not removal.purge(connection, turn.task.session_id):
            pass
    assert seen(database, budget).standing.spent.nanousd == COST


def test_a_session_is_spent_when_any_of_its_budgets_is(database: Database) -> None:
    lease = ready(database, user_id="ann").lease
    with database.write() as connection:
        assert budgets.is_spent(connection, lease) is False
    pay(database, user_id="ann")
    set_budget(database, "ann", tokens=100)
    with database.write() as connection:
        assert budgets.is_spent(connection, lease) is True


@pytest.mark.parametrize(
    ("period", "begins", "ends"),
    [
        (Period.TOTAL, datetime(1970, 1, 1, tzinfo=UTC), None),
        (Period.DAY, datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (Period.MONTH, datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_periods(period: Period, begins: datetime, ends: datetime | None) -> None:
    at = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert (start_of(period, at), end_of(period, at)) == (begins, ends)


def test_calls_know_for_whom_they_were_made(database: Database) -> None:
    session_id = new_session(database, user_id="ann")
    pay(database, user_id="ann")
    with database.write() as connection:
        row = connection.execute(ModelCall.__table__.select()).one()  # type: ignore[attr-defined]
    assert (row.user_id, row.agent_id) == ("ann", "agent_default")
    assert session_id != row.session_id
    assert call(Tokens(1, 2, 3, 4, 5, web_searches=2)).details == {"cache_write_1h_tokens": 4, "web_searches": 2}
