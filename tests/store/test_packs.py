"""Archived sessions are packed, read as before, and restored whole, whoever dies on the way."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, update
from sqlmodel import col

from overnight.archive_models import Pack, Packing
from overnight.models import DEFAULT_WORKSPACE, Event, Message
from overnight.states import Record
from overnight.store import events, forks, ledger, lineage, packs, records, removal, rewriting, sent, sessions
from overnight.store.clock import after
from overnight.store.database import Database
from overnight.store.records import Wish
from tests.store.portable_scenes import exported, full_life, imported
from tests.store.scenes import meanwhile, new_session, submit, work_off
from tests.store.test_encryption import NEW, OLD, Open, left, opened, rewrite, stored  # noqa: F401 (a fixture)
from tests.store.test_long_ledgers import LONG, grow


def archived(database: Database, session_id: str) -> None:
    with database.write() as connection:
        sessions.archive(connection, DEFAULT_WORKSPACE, session_id)


def pack(database: Database, session_id: str, rows: int = packs.ROWS) -> int:
    """As the sweep does it; gives how many transactions it took."""
    for taken in range(1, 10_000):
        with database.write() as connection:
            if packs.pack_some(connection, session_id, rows):
                return taken
    raise AssertionError("it never ends")


def unpack(database: Database, session_id: str) -> None:
    with database.write() as connection:
        packs.unpack(connection, session_id)


def rows(database: Database, table: Any, session_id: str) -> int:
    with database.read() as connection:
        counted = select(func.count()).select_from(table).where(col(table.session_id) == session_id)
        return int(connection.execute(counted).scalar_one())


def read_all(database: Database, session_id: str) -> list[Any]:
    """All that shows a session's records, as callers see them."""
    with database.read() as connection:
        page = ledger.page(connection, session_id, limit=3, cursor=1)
        told = events.page(connection, session_id, limit=4, cursor=None, newest_first=True)
        of_type = events.page(connection, session_id, limit=10, cursor=2, types=["user.message", "task.succeeded"])
        return [
            exported(database, session_id) | {"exported_at": None},
            [row.model_dump() for row in page],
            told,
            of_type,
            events.follow(connection, session_id, 0),
            events.follow(connection, session_id, 5),
            sent.of_reply(connection, session_id, 2),
            lineage.compare(connection, (session_id, 2), (session_id, 4)),
        ]


@pytest.mark.parametrize("batch", [3, 1_000])
def test_what_is_packed_is_read_as_before(database: Database, batch: int) -> None:
    session_id = full_life(database)
    archived(database, session_id)
    before = read_all(database, session_id)
    with database.write() as connection:
        assert not packs.pack_some(connection, session_id, batch)
    assert read_all(database, session_id) == before, "half of it packed"
    pack(database, session_id, batch)
    assert (rows(database, Message, session_id), rows(database, Event, session_id)) == (0, 0)
    assert rows(database, Packing, session_id) == 0
    assert read_all(database, session_id) == before
    unpack(database, session_id)
    assert rows(database, Pack, session_id) == 0
    assert read_all(database, session_id) == before


def test_who_dies_in_the_middle_leaves_it_to_another(database: Database) -> None:
    session_id = full_life(database)
    archived(database, session_id)
    before = read_all(database, session_id)
    for _ in range(3):
        die_while(database, lambda connection: packs.pack_some(connection, session_id, 2))
        with database.write() as connection:
            packs.pack_some(connection, session_id, 2)
    die_while(database, lambda connection: packs.unpack(connection, session_id))
    assert read_all(database, session_id) == before


def die_while(database: Database, act: Callable[[Connection], object]) -> None:
    """Before the commit."""
    with database.write() as connection:
        act(connection)
        connection.rollback()


def test_two_pack_at_once(database: Database) -> None:
    session_id = full_life(database)
    archived(database, session_id)
    before = read_all(database, session_id)
    both = meanwhile(
        database,
        lambda connection: packs.pack_some(connection, session_id, 2),
        lambda connection: packs.pack_some(connection, session_id, 2),
    )
    assert both == (False, False)
    assert read_all(database, session_id) == before
    with database.read() as connection:
        assert packs.end(connection, session_id, Record.MESSAGES) == rows_packed(database, session_id)


def rows_packed(database: Database, session_id: str) -> int:
    with database.read() as connection:
        mine = (col(Pack.session_id) == session_id, col(Pack.record) == Record.MESSAGES)
        return int(connection.execute(select(func.sum(col(Pack.rows))).where(*mine)).scalar_one())


def test_only_what_is_archived_is_packed_and_not_at_once(database: Database) -> None:
    session_id = full_life(database)
    assert pack(database, session_id) == 1
    assert rows(database, Pack, session_id) == 0
    archived(database, session_id)
    with database.read() as connection:
        assert packs.due(connection, 10) == []
    with database.write() as connection:
        connection.execute(update(Packing).values(due_at=after(-1.0)))
    with database.read() as connection:
        assert packs.due(connection, 10) == [session_id]


def test_a_fork_of_what_is_packed(database: Database) -> None:
    session_id = full_life(database)
    archived(database, session_id)
    with database.read() as connection:
        before = [row["content"] for row in records.read(connection, Message, session_id)]
    for batch in (2, 1_000):
        with database.write() as connection:
            packs.pack_some(connection, session_id, batch)
        with database.write() as connection:
            fork = forks.fork(connection, DEFAULT_WORKSPACE, session_id, 2, idle_check=0)
        with database.read() as connection:
            assert [row["content"] for row in records.read(connection, Message, fork)] == before[:2]
        assert rows(database, Message, fork) == 2


def test_packs_are_sealed_and_rewritten(opened: Open) -> None:  # noqa: F811
    first = opened(OLD)
    session_id = new_session(first)
    submit(first, session_id, "the heron flies at dawn")
    work_off(first, session_id)
    archived(first, session_id)
    before = exported(first, session_id)["messages"]
    pack(first, session_id)
    second = opened(NEW, OLD)
    assert sum(batch.unreadable for batch in rewrite(second)) == 0
    assert left(second) == 0
    assert "heron" not in stored(second)
    alone = opened(NEW)
    assert exported(alone, session_id)["messages"] == before
    assert "packs" in {table.name for table in rewriting.tables()}


def test_erasure_takes_the_packs(database: Database) -> None:
    session_id = full_life(database)
    archived(database, session_id)
    with database.write() as connection:
        packs.pack_some(connection, session_id, 2)
    with database.write() as connection:
        sessions.delete(connection, DEFAULT_WORKSPACE, session_id)
    for _ in range(20):
        with database.write() as connection:
            if removal.purge(connection, session_id, 1):
                break
    for table in (Pack, Packing, Message, Event):
        assert rows(database, table, session_id) == 0


def test_what_is_imported_as_archived_is_packed(database: Database) -> None:
    session_id = full_life(database)
    archived(database, session_id)
    pack(database, session_id)
    file = exported(database, session_id)
    copy = imported(database, file)
    assert rows(database, Packing, copy) == 1
    pack(database, copy)
    assert [row["content"] for row in exported(database, copy, "wrkspc_elsewhere")["messages"]] == [
        row["content"] for row in file["messages"]
    ]


def test_a_long_session_is_packed_and_restored_within_seconds(database: Database) -> None:
    session_id = new_session(database)
    task = submit(database, session_id).task
    grow(database, session_id, task.id, LONG)
    archived(database, session_id)
    before = whole(database, session_id)
    began = time.process_time()
    pack(database, session_id)
    packed_after = time.process_time() - began
    assert rows(database, Message, session_id) == 0
    assert whole(database, session_id) == before
    with database.read() as connection:
        size = packs.of_session(connection, session_id)
        assert packs.of_workspace(connection, DEFAULT_WORKSPACE) == size
    assert size is not None
    assert size.rows >= LONG
    assert size.after < size.before / 5
    began = time.process_time()
    unpack(database, session_id)
    restored_after = time.process_time() - began
    assert whole(database, session_id) == before
    assert rows(database, Message, session_id) == LONG
    assert packed_after < 4, packed_after
    assert restored_after < 4, restored_after


def whole(database: Database, session_id: str) -> list[Any]:
    with database.read() as connection:
        return [tuple(row.values()) for row in records.read(connection, Message, session_id, Wish())]
