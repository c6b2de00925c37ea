"""A session says so when a step has brought it near a length that ends it: once, whatever step that is."""

from dataclasses import replace
from typing import Any

import pytest

from overnight.expiry import Limits
from overnight.states import StopRequest
from overnight.store import turns
from overnight.store.database import Database
from tests.asking import CUSTOM
from tests.store.answering import asked, delivered, provide
from tests.store.every_state import check_numbers
from tests.store.scenes import OVERLOADED, begin, call, events, moved_on, new_session, submit, succeed, take

#: A turn of the scenes has two messages and a hundred tokens.
TURN = 100
MESSAGES, TOKENS = Limits(0, 0, 0, max_messages=6), Limits(0, 0, 0, max_tokens=5 * TURN)


def told(database: Database, session_id: str) -> list[dict[str, Any]]:
    check_numbers(database, session_id)
    return [event.payload for event in events(database, session_id) if event.type == "session.expiring"]


@pytest.mark.parametrize(
    ("limits", "quiet", "length"),
    [(MESSAGES, 2, {"messages": 6, "limit": 6}), (TOKENS, 4, {"tokens": 500, "limit": 500})],
    ids=["messages", "tokens"],
)
def test_the_turn_that_comes_near_says_so(
    database: Database, limits: Limits, quiet: int, length: dict[str, int]
) -> None:
    session_id = new_session(database)
    for place in range(quiet + 2):
        submit(database, session_id)
        succeed(database, begin(database, take(database, session_id), limits))
        assert len(told(database, session_id)) == (place >= quiet)
    assert told(database, session_id) == [{"reason": "too_long", "expires_at": None, **length}]


def test_so_does_one_of_a_chain_and_one_that_fails(database: Database) -> None:
    session_id = new_session(database)
    for _ in range(3):
        submit(database, session_id)
    lease = take(database, session_id)
    for _ in range(2):
        succeed(database, begin(database, lease, MESSAGES))
        lease = moved_on(lease)
    turn = begin(database, lease, replace(MESSAGES, max_messages=99, max_tokens=3 * TURN))
    with database.write() as connection:
        turns.fail(connection, turn, OVERLOADED, call())
    assert [said["tokens"] for said in told(database, session_id)] == [3 * TURN]


THREE = Limits(0, 0, 0, max_messages=3)


def test_so_do_the_results_of_tools(database: Database) -> None:
    turn, [wanted] = asked(database, CUSTOM)
    with database.write() as connection:
        provide(connection, wanted)
    delivered(database, replace(turn, limits=THREE))
    assert [said["messages"] for said in told(database, turn.task.session_id)] == [3]


def test_so_do_the_results_of_a_task_that_is_stopped(database: Database) -> None:
    turn, _ = asked(database, CUSTOM)
    with database.write() as connection:
        turns.stop(connection, replace(turn, limits=THREE), StopRequest.CANCEL, None)
    assert [said["messages"] for said in told(database, turn.task.session_id)] == [3]
