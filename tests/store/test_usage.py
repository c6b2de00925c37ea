"""What replies cost, kept or not: on the task, on the session, and a row for each."""

from overnight.history.policy import Cut
from overnight.pricing import Tokens
from overnight.states import TaskStatus, WaitReason
from overnight.store import contexts, pauses, turns
from overnight.store.database import Database
from overnight.store.turn import Pause, Turn
from tests.store.scenes import (
    NO_LIMITS,
    OVERLOADED,
    begin,
    call,
    calls,
    moved_on,
    new_session,
    reply,
    session,
    span,
    started,
    submit,
    succeed,
    take,
    task,
    types,
)


def test_usage_adds_up_on_task_and_session(database: Database) -> None:
    turn = started(database)
    session_id = turn.task.session_id
    with database.write() as connection:
        paid = call(Tokens(1, 2, 3, 4, 5), outcome="discarded")
        pauses.park(connection, turn, Pause(WaitReason.RETRY, 0.0, OVERLOADED), paid)
    submit(database, session_id)
    turn = begin(database, take(database, session_id))
    following = succeed(database, turn)
    assert following is not None
    first = (11, 22, 37, 45)
    cost = 10 * 2_000 + 20 * 10_000 + 30 * 2_500 + 40 * 100 + 1 * 2_000 + 2 * 10_000 + 3 * 2_500 + 4 * 4_000 + 5 * 100
    assert used(task(database, turn.task.id)) == (*first, cost)
    succeed(database, begin(database, moved_on(turn.lease)))
    second_cost = 10 * 2_000 + 20 * 10_000 + 30 * 2_500 + 40 * 100
    assert used(task(database, following.id)) == (10, 20, 30, 40, second_cost)
    assert used(session(database, session_id)) == (21, 42, 67, 85, cost + second_cost)
    written = calls(database, session_id)
    assert sorted(one.outcome for one in written) == ["discarded", "kept", "kept"]
    assert sum(one.cost_nanousd or 0 for one in written) == cost + second_cost


def used(row: object) -> tuple[object, ...]:
    names = ("input_tokens", "output_tokens", "cache_write_tokens", "cache_read_tokens", "cost_nanousd")
    return tuple(getattr(row, name) for name in names)


def test_a_cost_that_is_unknown_once_stays_unknown(database: Database) -> None:
    turn = started(database)
    session_id = turn.task.session_id
    submit(database, session_id)
    with database.write() as connection:
        turns.succeed(connection, turn, reply(paid=call(model="a-model-without-a-price")))
    assert used(task(database, turn.task.id)) == (10, 20, 30, 40, None)
    following = begin(database, moved_on(turn.lease))
    succeed(database, following)
    assert task(database, following.task.id).cost_nanousd is not None
    assert used(session(database, session_id)) == (20, 40, 60, 80, None)


def test_shortening_moves_the_context_and_is_paid_for(database: Database) -> None:
    session_id = new_session(database)
    for _ in range(2):
        submit(database, session_id)
        succeed(database, begin(database, take(database, session_id)))
    submit(database, session_id)
    turn = begin(database, take(database, session_id))
    before = session(database, session_id)
    with database.write() as connection:
        lease, again = contexts.cut(connection, turn, Cut("too_long", 2), call(outcome="discarded"))
    assert again is not None
    assert (again.id, again.status) == (turn.task.id, TaskStatus.RUNNING)
    row = session(database, session_id)
    assert (lease.context_from, lease.context_cut) == (row.context_from, row.context_cut) == (2, 4)
    assert row.input_tokens == before.input_tokens + 10
    assert used(again) == used(task(database, turn.task.id)) == (10, 20, 30, 40, 299_000)
    assert [one.outcome for one in calls(database, session_id)].count("discarded") == 1
    assert types(database, session_id)[-1] == "agent.thread_context_compacted"
    succeed(database, Turn(lease, again, span(), NO_LIMITS))
    assert session(database, session_id).context_cut == 4


def test_a_reply_that_is_dropped_is_paid_for(database: Database) -> None:
    turn = started(database)
    before = types(database, turn.task.session_id)
    for task_of in (turn.task, None):
        with database.write() as connection:
            pauses.spend(connection, turn.lease, task_of, call())
    assert used(task(database, turn.task.id)) == (10, 20, 30, 40, 299_000)
    assert used(session(database, turn.task.session_id)) == (20, 40, 60, 80, 598_000)
    written = {(one.task_id, one.outcome) for one in calls(database, turn.task.session_id)}
    assert written == {(None, "discarded"), (turn.task.id, "discarded")}
    assert types(database, turn.task.session_id) == before
    assert task(database, turn.task.id).status == TaskStatus.RUNNING
