import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlmodel import col

from overnight.models import Message, Session
from overnight.store import turns
from overnight.store.database import Database
from overnight.store.json_text import JsonText
from overnight.store.turn import Reply
from tests.store.scenes import call, ledger, new_session, reply, session, started

surrogates = st.characters(min_codepoint=0, max_codepoint=0x10FFFF)  # the lone ones too
texts = st.text(surrogates, max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)

AWKWARD: list[dict[str, Any]] = [
    {"type": "text", "text": "NUL \x00, lone \ud800 and \udfff, pair \U0001f319, \u2028, ü, \x7f, \\u0000"},
    {"z": 1, "a": {"y": None, "b": [True, False, {}, []]}, "type": "thinking", "signature": "Eq+/=="},
    {"type": "future", "float": 1e-7, "large": 2**80, "negative": -0.0, "": ""},
]


@given(values)
def test_any_value_is_read_back_as_it_was(value: Any) -> None:
    column = JsonText()
    stored = column.process_bind_param(value, None)
    assert stored is None or (stored.isascii() and "\x00" not in stored)
    read = column.process_result_value(stored, None)
    assert json.dumps(read) == json.dumps(value)  # which sees the order of keys, and -0.0


def test_what_claude_said_is_kept_value_for_value(database: Database) -> None:
    turn = started(database)
    said = reply(paid=call())
    with database.write() as connection:
        turns.succeed(connection, turn, Reply(AWKWARD, "end_turn", AWKWARD[0]["text"], said.call, said.event_id))
    answer = ledger(database, turn.task.session_id)[1]
    assert json.dumps(answer.content) == json.dumps(AWKWARD)


@pytest.mark.parametrize("words", [None, "", "NUL \x00 and \ud800"])
def test_a_text_from_outside_may_hold_anything(database: Database, words: str | None) -> None:
    assert session(database, new_session(database, system=words)).system == words


def test_nothing_is_null_in_sql(database: Database) -> None:
    new_session(database)
    with database.read() as connection:
        statement = select(col(Session.id)).where(col(Session.system).is_(None))
        assert len(connection.execute(statement).all()) == 1
        assert connection.execute(select(col(Message.seq))).all() == []
        assert connection.execute(text("SELECT labels FROM sessions")).scalar_one() == "{}"
