"""Contents in the database: sealed, found again, rewritten while others write, and never garbage without their key."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import SQLModel

from overnight.crypto import masters, vault
from overnight.crypto.masters import MasterKey
from overnight.errors import Unreadable
from overnight.models import DEFAULT_WORKSPACE
from overnight.store import answers, data_keys, idempotency, rewriting
from overnight.store.database import Database
from overnight.store.idempotency import Answer
from tests.asking import CUSTOM
from tests.store import scenes
from tests.store.answering import waiting

SECRET = "the heron flies at dawn"
OLD, NEW, OTHER = (MasterKey.parse(masters.new_text()) for _ in range(3))

Open = Callable[..., Database]


@pytest.fixture
def opened(database_url: str) -> Iterator[Open]:
    """Another process on the test's database, with these keys."""
    with ExitStack() as stack:

        def make(*keys: MasterKey) -> Database:
            made = Database(database_url, 5, keys)
            stack.callback(made.close)
            return made

        yield make


def stored(database: Database) -> str:
    """Everything that the tables hold."""
    with database.read() as connection:
        tables = SQLModel.metadata.sorted_tables
        return "\n".join(str(row) for t in tables for row in connection.execute(text(f"SELECT * FROM {t.name}")))


def talk(database: Database, words: str = SECRET) -> str:
    """A session in which the words are said, and repeated."""
    session_id = scenes.new_session(database, system=f"You know that {words}.")
    scenes.submit(database, session_id, words)
    turn = scenes.begin(database, scenes.take(database, session_id))
    scenes.succeed(database, turn, words)
    return session_id


def said(database: Database, session_id: str) -> list[Any]:
    return [message.content[0]["text"] for message in scenes.ledger(database, session_id)]


def rewrite(database: Database, newest: MasterKey = NEW) -> list[rewriting.Batch]:
    """As the command does it, a row at a time."""
    with database.write() as connection:
        data_keys.retire_others(connection, newest.id)
    return [batch for table in rewriting.tables() for batch in rewriting.rewrite(database, table, 1)]


def left(database: Database) -> int:
    return sum(rewriting.left(database, table) for table in rewriting.tables())


def test_contents_are_sealed_and_read_back(opened: Open) -> None:
    here = opened(NEW)
    session_id = talk(here)
    for database in (here, opened(NEW), opened(OLD, NEW)):
        assert said(database, session_id) == [SECRET, SECRET]
        assert scenes.session(database, session_id).system == f"You know that {SECRET}."
        assert scenes.events(database, session_id)[0].payload["content"][0]["text"] == SECRET
    assert "heron" not in stored(here)
    assert session_id in stored(here)


def test_what_is_remembered_of_a_request_is_sealed_with_its_hash(opened: Open) -> None:
    here = opened(NEW)
    with here.write() as connection:
        idempotency.remember(connection, DEFAULT_WORKSPACE, "k", "hash of it", Answer(200, {"said": SECRET}), None)
    with opened(NEW).read() as connection:
        earlier = idempotency.recall(connection, DEFAULT_WORKSPACE, "k", "hash of it")
    assert earlier is not None
    assert earlier.answer.body == {"said": SECRET}
    assert "heron" not in stored(here)
    assert "hash of it" not in stored(here)


def test_an_answer_that_comes_twice_is_known_though_sql_cannot_read_it(opened: Open) -> None:
    here = opened(NEW)
    _, calls = waiting(here, CUSTOM, CUSTOM)
    told = []
    for call in [*calls, calls[0]]:
        with here.write() as connection:
            blocks = scenes.says(f"{SECRET} {call.id}")
            told.append(
                answers.provide(connection, DEFAULT_WORKSPACE, call.session_id, call.id, blocks, is_error=False)
            )
    assert told[2].event == told[0].event != told[1].event
    assert "heron" not in stored(here)


def test_plain_and_sealed_live_side_by_side(opened: Open) -> None:
    before = talk(opened(), "plain as day")
    here = opened(NEW)
    after = talk(here)
    assert said(here, before) == ["plain as day"] * 2
    assert said(here, after) == [SECRET] * 2
    assert "plain as day" in stored(here)


def test_a_value_opens_nowhere_but_in_its_column(opened: Open) -> None:
    here = opened(NEW)
    session_id = talk(here)
    with here.write() as connection:
        connection.exec_driver_sql("UPDATE sessions SET summary = system")
    with pytest.raises(Unreadable, match=r"sessions\.summary.* damaged or moved"):
        scenes.session(here, session_id)


@pytest.mark.parametrize("damage", ["substr(content, 1, 40)", "content || 'AAAA'", "substr(content, 1, 20) || '!'"])
def test_what_was_damaged_is_refused(opened: Open, damage: str) -> None:
    here = opened(NEW)
    session_id = talk(here)
    with here.write() as connection:
        connection.exec_driver_sql(f"UPDATE messages SET content = {damage}")
    with pytest.raises(Unreadable, match=r"messages\.content"):
        said(here, session_id)


@pytest.mark.parametrize("keys", [(), (OTHER,)], ids=["none", "another"])
def test_without_its_key_nothing_is_read_and_nothing_written(opened: Open, keys: tuple[MasterKey, ...]) -> None:
    session_id = talk(opened(NEW))
    without = opened(*keys)
    for act in (said, scenes.submit):
        with pytest.raises(Unreadable, match=f"key {NEW.id}, which OVERNIGHT_ENCRYPTION_KEYS does not have"):
            act(without, session_id)
    scenes.submit(opened(*keys, NEW), session_id)  # nothing was harmed


def test_a_lost_key_can_be_given_up(opened: Open) -> None:
    lost = talk(opened(OLD))
    here = opened(NEW)
    with opened(NEW, OLD).write() as connection:
        assert data_keys.forget(connection, OLD.id) == 1
    with pytest.raises(Unreadable, match=r"data key .* which the database does not have"):
        said(here, lost)
    assert said(here, talk(here)) == [SECRET] * 2
    assert sum(batch.unreadable for batch in rewrite(here)) > 3


@pytest.mark.parametrize("before", [(), (OLD,)], ids=["plain", "sealed with an older key"])
def test_rewriting_leaves_nothing_to_the_older_key(opened: Open, before: tuple[MasterKey, ...]) -> None:
    sessions = [talk(opened(*before), f"{SECRET} {n}") for n in range(3)]
    events = [scenes.events(opened(*before), session_id) for session_id in sessions]
    here = opened(NEW, *before)
    found = rewrite(here)
    assert sum(batch.plain for batch in found) == (0 if before else sum(batch.rewritten for batch in found))
    assert left(here) == 0
    with here.write() as connection:
        data_keys.wrap_anew(connection, here.vault, NEW.id)
    assert "heron" not in stored(here)
    alone = opened(NEW)
    alone.vault.check()
    assert [said(alone, session_id) for session_id in sessions] == [[f"{SECRET} {n}"] * 2 for n in range(3)]
    assert [scenes.events(alone, session_id) for session_id in sessions] == events


def test_rewriting_goes_on_where_it_was_interrupted(opened: Open) -> None:
    talk(opened())
    here = opened(NEW)
    rows = left(here)
    with here.write() as connection:
        data_keys.retire_others(connection, NEW.id)
    for table in rewriting.tables():  # ended after the first batch of each
        next(rewriting.rewrite(here, table, 1), None)
    assert 0 < left(here) < rows
    remaining = left(here)
    assert sum(batch.rows for batch in rewrite(opened(NEW))) == remaining
    assert rewrite(opened(NEW)) == []


def test_rewriting_while_others_work(opened: Open) -> None:
    earlier = [talk(opened()) for _ in range(4)]

    def act(place: int) -> list[Any]:
        database = opened(NEW)
        if place == 0:
            return rewrite(database)
        return [said(database, talk(database)) for _ in range(5)]

    _, *others = scenes.at_once(4, act)
    assert others == [[[SECRET] * 2] * 5] * 3
    here = opened(NEW)
    rewrite(here)
    assert left(here) == 0
    assert [said(here, session_id) for session_id in earlier] == [[SECRET] * 2] * 4


def test_a_row_that_another_writes_is_left_for_the_next_pass(opened: Open, database_url: str) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite has one writer at a time")
    session_id = talk(opened())
    here = opened(NEW)
    with opened(NEW).write() as connection:
        connection.execute(text("SELECT id FROM sessions WHERE id = :id FOR UPDATE"), {"id": session_id})
        rewrite(here)
        assert left(here) == 1
    rewrite(here)
    assert left(here) == 0


def test_a_data_key_is_used_for_a_while_only(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    here = opened(NEW)
    session_id = talk(here)
    with here.read() as connection:
        assert len(data_keys.every(connection)) == 1
    monkeypatch.setattr(vault, "MOST_VALUES", 0)
    scenes.submit(here, session_id)
    with here.read() as connection:
        assert len(data_keys.every(connection)) == 2
    assert said(here, session_id) == [SECRET] * 2


def test_the_wrong_key_for_a_data_key_is_told(opened: Open) -> None:
    session_id = talk(opened(NEW))
    with opened(NEW).write() as connection:
        connection.exec_driver_sql(f"UPDATE data_keys SET master_id = '{OTHER.id}'")
    with pytest.raises(Unreadable, match=f"does not open with key {OTHER.id}: its row was damaged"):
        said(opened(OTHER), session_id)


def test_an_error_of_the_database_does_not_quote_contents(opened: Open) -> None:
    here = opened(NEW)
    with pytest.raises(Exception, match="no_such_table") as told, here.write() as connection:
        connection.execute(text("INSERT INTO no_such_table VALUES (:words)"), {"words": SECRET})
    assert SECRET not in str(told.value)
