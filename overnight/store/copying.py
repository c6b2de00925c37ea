"""Rows by the hundred: Postgres takes them by COPY in half the time, and half the CPU, of INSERT."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert
from sqlmodel import SQLModel

from overnight.store.prepared import binder, translated


def copy_rows(connection: Connection, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes `rows`, if there are any, all with the same columns, to the table of `model`."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        _copy(connection, model, list(rows[0]), rows)
    else:
        connection.execute(insert(model), rows)


def _copy(connection: Connection, model: Any, names: list[str], rows: Sequence[Mapping[str, Any]]) -> None:
    columns = [(name, binder(model.__table__.c[name].type, connection.dialect)) for name in names]
    statement = f"COPY {model.__tablename__} ({', '.join(names)}) FROM STDIN"
    cursor: Any = connection.connection.cursor()
    try:
        with cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row([bind(row[name]) if bind else row[name] for name, bind in columns])
    except Exception as error:
        raise translated(connection, statement, error) from error
