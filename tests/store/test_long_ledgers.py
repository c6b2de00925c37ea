"""A session of ten thousand messages: what a step reads and how long it takes depends on what it sends."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert

from overnight.history.policy import Cut
from overnight.models import DEFAULT_WORKSPACE, Message
from overnight.store import contexts, pins, sent, turns
from overnight.store.database import Database
from overnight.store.leases import Lease
from overnight.store.places import reserve
from overnight.store.turn import Turn
from tests.store.scenes import NO_LIMITS, begin, new_session, reply, says, session, submit, take
from tests.store.statements import recorded
from worker.history import load_history

LONG, SENT = 10_000, 20


def grow(database: Database, session_id: str, task_id: str, messages: int) -> None:
    """Exchanges as turns write them."""
    with database.write() as connection:
        place = reserve(connection, session_id, messages=messages)
        fixed = {"workspace_id": DEFAULT_WORKSPACE, "session_id": session_id, "task_id": task_id}
        rows = [
            {"seq": seq, "role": ("assistant", "user")[seq % 2], "content": says(f"{seq} " * 50), **fixed}
            for seq in range(place.ledger_seq - messages + 1, place.ledger_seq + 1)
        ]
        connection.execute(insert(Message), [{**row, "created_at": place.now} for row in rows])


def cut(database: Database, messages: int, first: list[int] | None = None) -> Lease:
    """A session with a ledger of so many, of which only the newest are sent; taken by a worker."""
    session_id = new_session(database)
    task = submit(database, session_id).task
    grow(database, session_id, task.id, messages)
    turn = Turn(take(database, session_id), task, None, NO_LIMITS)
    with database.write() as connection:
        lease, _ = contexts.cut(connection, turn, Cut("window", messages - SENT, first or []), None)
    return lease


def step(database: Database, lease: Lease) -> int:
    """Reads what is sent and writes a reply; gives how many rows were read of the ledger."""
    turn = begin(database, lease)
    history = load_history(database, turn.lease)
    with database.write() as connection:
        turns.go_on(connection, turn, replace(reply(), stop_reason="pause_turn"), [])
        connection.rollback()
    return len(history)


def cost(database: Database, act: Callable[[], Any]) -> int:
    """In statements."""
    with recorded(database) as sent:
        act()
    return len(sent)


def test_a_step_reads_what_it_sends(database: Database) -> None:
    long, short = cut(database, LONG, first=[1, 2]), cut(database, 2 * SENT, first=[1, 2])
    assert long.ledger_seq == LONG
    assert step(database, long) == step(database, short) == SENT + 2
    assert cost(database, lambda: step(database, long)) == cost(database, lambda: step(database, short))


def test_pins_are_read_by_number(database: Database) -> None:
    lease = cut(database, LONG)
    with database.write() as connection:
        for seq in (2_001, 5_002):
            pins.pin(connection, DEFAULT_WORKSPACE, lease.session_id, seq)
    row = session(database, lease.session_id)
    assert (row.context, row.context_from, row.context_cut) == (3, LONG - SENT, LONG)
    now = replace(lease, context=row.context)
    assert [entry.seq for entry in load_history(database, now)][:3] == [2_001, 5_002, LONG - SENT + 1]
    assert cost(database, lambda: load_history(database, now)) <= 3
    with database.write() as connection:
        pins.unpin(connection, DEFAULT_WORKSPACE, lease.session_id, 2_001)
    assert session(database, lease.session_id).context == 3, "what is sent stays, until the next cut"


def test_what_was_sent_long_ago_is_made_again_of_a_few_rows(database: Database) -> None:
    lease = cut(database, LONG)
    turn = begin(database, lease)
    with database.write() as connection:
        turns.succeed(connection, turn, reply())
    end = session(database, lease.session_id).ledger_seq
    grow(database, lease.session_id, turn.task.id, 1_000)
    with database.read() as connection:
        found = sent.of_reply(connection, lease.session_id, end)
    assert (found.number, found.begin_after) == (1, LONG - SENT)
    assert len(found.messages) == SENT + 1
    assert found.messages[-1] == {"role": "user", "content": turn.task.content}


@pytest.mark.parametrize("many", [pins.MOST_PINS])
def test_there_is_an_end_to_pins(database: Database, many: int) -> None:
    session_id = new_session(database)
    grow(database, session_id, submit(database, session_id).task.id, 2 * many + 2)
    with database.write() as connection:
        for seq in range(1, many + 1):
            pins.pin(connection, DEFAULT_WORKSPACE, session_id, seq)
        pins.pin(connection, DEFAULT_WORKSPACE, session_id, many)
    with database.write() as connection, pytest.raises(pins.InvalidRequest, match="unpin one first"):
        pins.pin(connection, DEFAULT_WORKSPACE, session_id, many + 1)
    assert session(database, session_id).context == 0, "all of it is sent anyhow"
