"""Keys as they are written down, words that pass through Redis, and which columns hold contents."""

import base64

import pytest
from sqlalchemy import LargeBinary, Text
from sqlmodel import SQLModel

from overnight.crypto import masters
from overnight.crypto.masters import MasterKey
from overnight.crypto.wire import Wire
from overnight.store import schema
from overnight.store.json_text import JsonText
from overnight.store.sealed import Sealed

assert schema  # whose import makes every table known

#: JSON that is no content: labels are there to be seen, the rest are numbers.
READABLE = {
    *("agent_versions.history", "agent_versions.labels", "environments.labels", "sessions.labels", "tasks.labels"),
    *("work.labels", "contexts.first", "contexts.pinned", "tombstones.removed"),
    *("agent_versions.expiry", "endings.expiry", "sessions.expiry"),
}


def a_key() -> MasterKey:
    return MasterKey.parse(masters.new_text())


def test_every_column_of_json_says_whether_it_holds_contents() -> None:
    columns = [column for table in SQLModel.metadata.sorted_tables for column in table.columns]
    texts = [column for column in columns if isinstance(column.type, JsonText | Sealed | Text | LargeBinary)]
    sealed = {str(column): column.type.place for column in texts if isinstance(column.type, Sealed)}
    assert sealed == {name: name for name in sealed}
    assert {str(column) for column in texts} - sealed.keys() == READABLE
    assert len(sealed) > 15


def test_a_key_is_known_by_its_id_and_not_shown() -> None:
    text = masters.new_text()
    key = MasterKey.parse(text)
    assert MasterKey.parse(text) == key != a_key()
    assert len(key.id) == 8
    assert text.removeprefix(masters.PREFIX) not in repr(key)
    assert repr(key.secret) not in repr(key)


def test_several_keys_stand_newest_first() -> None:
    first, second = masters.new_text(), masters.new_text()
    assert masters.read(f" {first}, {second},") == (MasterKey.parse(first), MasterKey.parse(second))
    assert masters.read("") == ()


@pytest.mark.parametrize(
    "wrong",
    ["secret", "overnight-key-short", masters.new_text() + "x", masters.new_text()[:-1] + "!"],
    ids=["no prefix", "short", "long", "no base64"],
)
def test_what_is_no_key_is_told_by_its_place_and_never_quoted(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"^number 2 is not a key of 'overnight keys new-encryption'") as told:
        masters.read(f"{masters.new_text()},{wrong}")
    assert wrong not in str(told.value)


def test_words_pass_through_redis_sealed_for_their_channel() -> None:
    old, new = a_key(), a_key()
    sealed = Wire([new, old]).seal('{"text":"hush"}', "live:1")
    assert "hush" not in sealed
    assert b"hush" not in base64.b64decode(sealed.rpartition("$")[2])
    assert Wire([new]).open(sealed, "live:1") == Wire([old, new]).open(sealed, "live:1") == '{"text":"hush"}'
    assert Wire([new]).open(sealed, "live:2") is None
    assert Wire([old]).open(sealed, "live:1") is None
    assert Wire([]).open(sealed, "live:1") is None
    assert Wire([new]).open(sealed[:-4], "live:1") is None
    assert Wire([new]).open(sealed + "é", "live:1") is None


def test_without_a_key_words_pass_as_they_are() -> None:
    assert Wire([]).seal("{}", "live:1") == "{}"
    assert Wire([a_key()]).open("{}", "live:1") == "{}"
