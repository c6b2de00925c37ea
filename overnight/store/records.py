"""The rows of a session's ledger and of its events, wherever they are: nobody who reads them knows of packs.

Owners read an open session's ledger without it: of one that is open nothing is packed.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, select
from sqlmodel import col

from overnight.models import Event, Message
from overnight.store import packs

Row = Mapping[Any, Any]
Table = type[Message] | type[Event]


def anything(_: Row) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Wish:
    """Rows from beyond `after` up to `until`, at most `limit`; `where` says in SQL what `wanted` says of a row."""

    after: int = 0
    until: int | None = None
    limit: int | None = None
    newest_first: bool = False
    where: tuple[Any, ...] = ()
    wanted: Callable[[Row], bool] = anything


ALL = Wish()


def read(connection: Connection, table: Table, session_id: str, wish: Wish = ALL) -> list[Row]:
    record = packs.RECORDS[table]
    while True:
        end = packs.end(connection, session_id, record)
        found = list(islice(_in_order(connection, table, session_id, wish, end), wish.limit))
        # Statements that stand alone may see the rows move between them: then all is read again.
        if packs.end(connection, session_id, record) == end:
            return found


def one(connection: Connection, table: Table, session_id: str, seq: int) -> Row | None:
    return next(iter(read(connection, table, session_id, Wish(after=seq - 1, until=seq))), None)


def piece_by_piece(connection: Connection, table: Table, session_id: str, batch: int) -> Iterator[Row]:
    """All of them, on a connection that shows one moment."""
    record = packs.RECORDS[table]
    end = packs.end(connection, session_id, record)
    for rows in packs.batches(connection, session_id, record):
        yield from rows
    yield from _of_table(connection, table, session_id, Wish(after=end), {"yield_per": batch})


def _in_order(connection: Connection, table: Table, session_id: str, wish: Wish, end: int) -> Iterator[Row]:
    parts = (_packed, _beyond) if not wish.newest_first else (_beyond, _packed)
    for part in parts:
        yield from part(connection, table, session_id, wish, end)


def _packed(connection: Connection, table: Table, session_id: str, wish: Wish, end: int) -> Iterator[Row]:
    if end <= wish.after:
        return
    record, newest_first = packs.RECORDS[table], wish.newest_first
    for rows in packs.batches(connection, session_id, record, wish.after, wish.until, newest_first=newest_first):
        yield from filter(wish.wanted, rows)


def _beyond(connection: Connection, table: Table, session_id: str, wish: Wish, end: int) -> Iterator[Row]:
    if wish.until is None or wish.until > end:
        after = Wish(max(wish.after, end), wish.until, wish.limit, wish.newest_first, wish.where)
        yield from _of_table(connection, table, session_id, after, {})


def _of_table(
    connection: Connection, table: Table, session_id: str, wish: Wish, options: dict[str, Any]
) -> Iterator[Row]:
    statement = select(table).where(col(table.session_id) == session_id, col(table.seq) > wish.after, *wish.where)
    if wish.until is not None:
        statement = statement.where(col(table.seq) <= wish.until)
    order = col(table.seq).desc() if wish.newest_first else col(table.seq).asc()
    rows = connection.execute(statement.order_by(order).limit(wish.limit), execution_options=options)
    yield from rows.mappings()
