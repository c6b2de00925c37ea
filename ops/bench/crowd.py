"""Sessions by the hundred thousand, as copies of one that was really had: made in the database, where that is quick."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, String, Table, func, insert, literal, select
from sqlalchemy.sql import ColumnElement

from overnight.models import Event, Message, Session


def copy_sessions(connection: Connection, session_id: str, numbers: range) -> None:
    """The session's row again for each number, as `named` calls it."""
    _copy(connection, Session, session_id, "id", numbers)


def copy_records(connection: Connection, session_id: str, numbers: range) -> None:
    """Its messages and events, for copies that are there."""
    for model in (Message, Event):
        _copy(connection, model, session_id, "session_id", numbers)


def copy_turns(connection: Connection, session_id: str, times: int) -> None:
    """Makes the session so many times as long, by what stands in it."""
    for model, ends in ((Message, "ledger_seq"), (Event, "event_seq")):
        table: Table = model.__table__  # type: ignore[attr-defined]
        sessions: Table = Session.__table__  # type: ignore[attr-defined]
        rows: int = connection.execute(select(sessions.c[ends]).where(sessions.c.id == session_id)).scalar_one()
        again = func.generate_series(1, times - 1).column_valued("n", joins_implicitly=True)
        moved = {"seq": table.c.seq + again * rows}
        if "id" in table.c:
            moved["id"] = table.c.id.concat("_").concat(again.cast(String))
        _insert(connection, table, moved, table.c.session_id == session_id)
        new_end = {ends: rows * times}
        connection.execute(sessions.update().where(sessions.c.id == session_id).values(new_end))


def named(number: int) -> str:
    return f"sesn_copy{number}"


def _copy(connection: Connection, model: Any, session_id: str, name: str, numbers: range) -> None:
    table: Table = model.__table__
    number = func.generate_series(numbers.start, numbers.stop - 1, numbers.step).column_valued(
        "n", joins_implicitly=True
    )
    _insert(connection, table, {name: literal("sesn_copy").concat(number)}, table.c[name] == session_id)


def _insert(
    connection: Connection, table: Table, changed: Mapping[str, ColumnElement[Any]], where: ColumnElement[bool]
) -> None:
    names: Sequence[str] = [column.name for column in table.c]
    columns = [changed.get(name, table.c[name]).label(name) for name in names]
    connection.execute(insert(table).from_select(names, select(*columns).where(where)))
