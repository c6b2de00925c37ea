"""What `overnight bench --expiry` and `--long` measure on: copies that are like what was really had."""

import pytest

from ops.bench.crowd import copy_records, copy_sessions, copy_turns, named
from ops.bench.phases import Phase
from overnight.store.database import Database
from tests.store.scenes import events, ledger, new_session, session, submit, take, work_off

pytestmark = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


def test_copies_are_sessions_of_their_own(database: Database) -> None:
    session_id = talked(database)
    with database.write() as connection:
        copy_sessions(connection, session_id, range(3))
        copy_records(connection, session_id, range(2))
    assert [len(ledger(database, named(number))) for number in range(3)] == [2, 2, 0]
    assert len(events(database, named(1))) == len(events(database, session_id))
    submit(database, named(2))
    assert take(database, named(2)).session_id == named(2)
    assert session(database, session_id).lease_owner is None


def test_a_session_is_made_longer_by_what_stands_in_it(database: Database) -> None:
    session_id = talked(database)
    told = len(events(database, session_id))
    with database.write() as connection:
        copy_turns(connection, session_id, 5)
    assert [row.role for row in ledger(database, session_id)] == ["user", "assistant"] * 5
    assert len({event.id for event in events(database, session_id)}) == 5 * told
    submit(database, session_id)
    work_off(database, session_id)
    assert [row.seq for row in ledger(database, session_id)] == list(range(1, 13))


def test_rates_are_told_by_fifths(database: Database) -> None:
    ended = [(0.0, 10), (1.0, 12), (2.0, 14), (3.0, 14), (4.0, 18), (5.0, 20)]
    assert str(Phase("busy", 5.0, [1.0] * 20, ended)).endswith("10  2, 2, 0, 4, 2")


def talked(database: Database) -> str:
    session_id = new_session(database)
    submit(database, session_id)
    work_off(database, session_id)
    return session_id
