"""Forks and snapshots: what they share with their parent, and what not."""

import time
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from overnight import event_types
from overnight.context_models import Context, Pin
from overnight.errors import InvalidRequest, NotFound
from overnight.history.policy import Cut
from overnight.models import Message, Session
from overnight.session_models import Snapshot
from overnight.states import Life
from overnight.store import (
    fork_points,
    forks,
    lineage,
    pins,
    removal,
    sent,
    sessions,
    snapshots,
    tool_turns,
)
from overnight.store.bulk import insert_rows
from overnight.store.clock import read_clock
from overnight.store.database import Database
from overnight.store.lineage import Comparison, Place
from tests import asking
from tests.store.scenes import (
    DEFAULT_WORKSPACE,
    begin,
    call,
    events,
    ledger,
    new_session,
    says,
    session,
    started,
    submit,
    take,
    work_off,
)
from tests.store.statements import recorded
from tests.store.test_long_ledgers import grow

COPIED = ("seq", "role", "content", "model", "message_id", "stop_reason", "context", "task_id", "created_at")


def talked(database: Database, turns: int = 3, **changes: Any) -> str:
    session_id = new_session(database, **changes)
    for number in range(turns):
        submit(database, session_id, f"{number}.")
        work_off(database, session_id)
    return session_id


def fork(database: Database, session_id: str, at: int | str | None = None, **changes: Any) -> Session:
    with database.write() as connection:
        new_id = forks.fork(connection, DEFAULT_WORKSPACE, session_id, at, changes, idle_check=0)
    return session(database, new_id)


def rows(database: Database, session_id: str) -> list[tuple[Any, ...]]:
    return [tuple(getattr(row, name) for name in COPIED) for row in ledger(database, session_id)]


def test_a_fork_has_its_parents_past_and_a_way_of_its_own(database: Database) -> None:
    parent_id = talked(database, title="Plan", labels={"team": "a"}, notes="…", context_key="T-1", budget_tokens=9_000)
    made = fork(database, parent_id)
    parent = session(database, parent_id)
    assert rows(database, made.id) == rows(database, parent_id)
    assert (made.forked_from, made.forked_at, made.ledger_seq) == (parent_id, 6, 6)
    assert (made.title, made.labels, made.notes, made.budget_tokens) == ("Plan", {"team": "a"}, "…", 9_000)
    assert (made.context_key, made.cost_nanousd, made.context_tokens) == (None, 0, parent.context_tokens)
    assert [event.type for event in events(database, made.id)] == [event_types.SESSION_FORKED]
    submit(database, made.id, "Another way.")
    work_off(database, made.id)
    assert session(database, parent_id).ledger_seq == 6
    assert session(database, made.id).ledger_seq == 8


@pytest.mark.parametrize(("at", "ends"), [(1, 0), (2, 2), (3, 2), (4, 4), (6, 6)])
def test_a_fork_ends_with_an_answer(database: Database, at: int, ends: int) -> None:
    parent_id = talked(database)
    made = fork(database, parent_id, at)
    assert (made.forked_at, len(ledger(database, made.id)), made.context_tokens == 0) == (ends, ends, ends < 6)


def test_a_fork_at_an_event_has_what_was_said_by_then(database: Database) -> None:
    parent_id = talked(database, turns=1)
    time.sleep(0.002)  # SQLite's clock ticks in milliseconds
    submit(database, parent_id, "More.")
    work_off(database, parent_id)
    answers = [event.id for event in events(database, parent_id) if event.type == event_types.AGENT_MESSAGE]
    asked = [event.id for event in events(database, parent_id) if event.type == event_types.USER_MESSAGE]
    assert [fork(database, parent_id, event_id).forked_at for event_id in (*answers, asked[1])] == [2, 4, 2]
    with pytest.raises(InvalidRequest, match=r"at: session .* has no event sevt_none"):
        fork(database, parent_id, "sevt_none")
    with pytest.raises(InvalidRequest, match=r"at: .* ends with message 4"):
        fork(database, parent_id, 5)


def test_calls_and_results_stay_together(database: Database) -> None:
    turn = started(database)
    session_id = turn.task.session_id
    with database.write() as connection:
        turn, made = asking.ask(connection, turn, [asking.PLAIN])
    assert fork(database, session_id).forked_at == 0, "nothing of the turn is answered"
    with database.write() as connection:
        asking.run(connection, turn, made[0])
        assert tool_turns.settle(connection, turn, ()) is not None
    assert [row.role for row in ledger(database, session_id)] == ["user", "assistant", "user"]
    assert fork(database, session_id).forked_at == 3
    assert fork(database, session_id, 2).forked_at == 0


def test_what_is_sent_next_is_what_the_parent_would_have_sent(database: Database) -> None:
    parent_id = talked(database, turns=4)
    with database.write() as connection:
        pins.pin(connection, DEFAULT_WORKSPACE, parent_id, 2)
        pins.pin(connection, DEFAULT_WORKSPACE, parent_id, 8)
        row = sessions.get(connection, DEFAULT_WORKSPACE, parent_id)
        place = pins.Place(row.event_seq, row.ledger_seq, read_clock(connection))
        pins.begin(connection, row, place, Cut("window", 4, [1, 2], says("So far: …")))
    submit(database, parent_id, "Then.")
    work_off(database, parent_id)
    with database.read() as connection:
        wanted = sent.of_reply(connection, parent_id, 10)
    same, earlier = fork(database, parent_id, 8), fork(database, parent_id, 6)
    assert (same.context, same.context_from, same.context_cut) == (1, 4, 8)
    assert (earlier.context, earlier.context_from, earlier.context_cut) == (0, 0, 0)
    submit(database, same.id, "Then.")
    work_off(database, same.id)
    with database.read() as connection:
        assert sent.of_reply(connection, same.id, 10).messages == wanted.messages
        assert sent.of_reply(connection, same.id, 4) == sent.of_reply(connection, parent_id, 4)
        kept = [
            connection.execute(select(col(Pin.seq)).where(col(Pin.session_id) == one)).scalars().all()
            for one in (same.id, earlier.id)
        ]
        assert kept == [[2, 8], [2]]
        assert len(connection.execute(select(Context).where(col(Context.session_id) == same.id)).all()) == 1


def test_running_and_archived_sessions_are_forked_and_deleted_ones_not(database: Database) -> None:
    parent_id = talked(database, turns=1)
    submit(database, parent_id)
    begin(database, take(database, parent_id))
    assert fork(database, parent_id).ledger_seq == 2
    with database.write() as connection:
        sessions.archive(connection, DEFAULT_WORKSPACE, parent_id)
    made = fork(database, parent_id)
    assert (made.life, made.ledger_seq) == (Life.ACTIVE, 2)
    with database.write() as connection:
        sessions.delete(connection, DEFAULT_WORKSPACE, parent_id)
    with pytest.raises(NotFound):
        fork(database, parent_id)
    with database.write() as connection:
        while not removal.purge(connection, parent_id):
            pass
    submit(database, made.id)
    work_off(database, made.id)
    with database.read() as connection:
        assert len(sent.of_reply(connection, made.id, 4).messages) == 3
        with pytest.raises(InvalidRequest, match="forked from, and that is gone"):
            sent.of_reply(connection, made.id, 2)


def test_ten_thousand_messages_are_forked_by_as_many_statements_as_ten(database: Database) -> None:
    sizes = {}
    for messages in (10, 10_000):
        session_id = new_session(database)
        grow(database, session_id, "task_1", messages)
        with recorded(database) as sent:
            made = fork(database, session_id)
        assert made.ledger_seq == messages
        sizes[messages] = len(sent)
    assert sizes[10] == sizes[10_000]


def compare(database: Database, one: Place, other: Place) -> Comparison:
    with database.read() as connection:
        return lineage.compare(connection, one, other)


def take_snapshot(database: Database, session_id: str, name: str) -> Snapshot:
    with database.write() as connection:
        return snapshots.take(connection, DEFAULT_WORKSPACE, session_id, name)


def test_a_snapshot_is_gone_back_to_and_compared(database: Database) -> None:
    session_id = talked(database, turns=2)
    taken = take_snapshot(database, session_id, "before")
    with pytest.raises(InvalidRequest, match=r"name: .* 'before' already"):
        take_snapshot(database, session_id, "before")
    time.sleep(0.002)
    submit(database, session_id)
    work_off(database, session_id)
    with database.write() as connection:
        pins.reset(connection, DEFAULT_WORKSPACE, session_id)
        new_id = snapshots.restore(
            connection, DEFAULT_WORKSPACE, session_id, taken.id, {"title": "Again"}, idle_check=0
        )
    made = session(database, new_id)
    assert (made.forked_at, made.title, made.context) == (4, "Again", 0)
    for _ in range(2):
        submit(database, new_id)
        work_off(database, new_id)
    found = compare(database, (session_id, taken.at), (session_id, 6))
    assert (found.common, [side.messages for side in found.sides]) == ((session_id, 4), [0, 2])
    assert [side.used.output_tokens for side in found.sides] == [0, call().tokens.output_tokens]
    found = compare(database, (session_id, 6), (new_id, 8))
    assert (found.common, [side.messages for side in found.sides]) == ((session_id, 4), [2, 4])
    assert [side.used.output_tokens for side in found.sides] == [20, 40]
    unrelated = compare(database, (session_id, 6), (talked(database, turns=1), 2))
    assert (unrelated.common, [side.messages for side in unrelated.sides]) == (None, [6, 2])


def test_a_snapshot_taken_at_a_resets_moment_is_of_that_context(database: Database) -> None:
    session_id = talked(database, turns=1)
    first = take_snapshot(database, session_id, "first")
    with database.write() as connection:
        pins.reset(connection, DEFAULT_WORKSPACE, session_id)
    second = take_snapshot(database, session_id, "second")
    assert [(one.at, one.context) for one in (first, second)] == [(2, 0), (2, 1)]
    with database.write() as connection:
        new_id = snapshots.restore(connection, DEFAULT_WORKSPACE, session_id, first.id, {}, idle_check=0)
    assert session(database, new_id).context_from == 0


def test_snapshots_are_listed_forgotten_and_go_with_their_session(database: Database) -> None:
    session_id = talked(database, turns=1)
    names = ["a", "b", "c"]
    taken = [take_snapshot(database, session_id, name) for name in names]
    with database.write() as connection:
        snapshots.remove(connection, DEFAULT_WORKSPACE, session_id, taken[1].id)
        left = snapshots.page(connection, DEFAULT_WORKSPACE, session_id, limit=10, cursor=None)
        assert {one.name for one in left} == {"a", "c"}
        with pytest.raises(NotFound):
            snapshots.get(connection, DEFAULT_WORKSPACE, session_id, taken[1].id)
        with pytest.raises(NotFound):
            snapshots.find(connection, "wrkspc_other", taken[0].id)
        sessions.delete(connection, DEFAULT_WORKSPACE, session_id)
        with pytest.raises(NotFound):
            snapshots.find(connection, DEFAULT_WORKSPACE, taken[0].id)
        while not removal.purge(connection, session_id):
            pass
        assert connection.execute(select(Snapshot)).all() == []


def test_a_turn_that_ended_with_results_may_be_gone_on_from(database: Database) -> None:
    session_id = new_session(database)
    result = [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "…"}]
    use = [{"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}]
    said = [
        ("user", says("Go.")),
        ("assistant", use),
        ("user", result),
        ("system", says("Mind.")),
        ("user", says("Next.")),
        ("system", says("Note.")),
        ("assistant", says("Done.")),
    ]
    with database.write() as connection:
        at = read_clock(connection)
        fixed = {"workspace_id": DEFAULT_WORKSPACE, "session_id": session_id, "task_id": "task_1", "created_at": at}
        blank = {"model": None, "message_id": None, "context": None, "agent_id": None, "agent_version": None}
        insert_rows(
            connection,
            Message,
            [
                {
                    **fixed,
                    **blank,
                    "seq": seq,
                    "role": role,
                    "content": content,
                    "stop_reason": "tool_use" if content == use else None,
                }
                for seq, (role, content) in enumerate(said, 1)
            ],
        )
        found = [fork_points.safe(connection, session_id, wanted) for wanted in range(1, 8)]
    assert found == [0, 0, 3, 4, 4, 4, 7]
