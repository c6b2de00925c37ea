"""Contents sealed anew while everything runs: batch by batch, each in a transaction, so that it may end anywhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Row,
    Table,
    and_,
    bindparam,
    func,
    or_,
    select,
    tuple_,
    type_coerce,
    update,
)
from sqlalchemy.types import TypeEngine
from sqlmodel import SQLModel

from overnight.crypto.vault import PREFIX_LENGTH, Vault, prefix_of
from overnight.errors import Unreadable
from overnight.store import data_keys, schema
from overnight.store.database import Database
from overnight.store.sealed import Sealed

BATCH = 200  # rows, held for some milliseconds

assert schema  # which has every table known


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that were looked at; `plain`: values that nothing had sealed before."""

    table: str
    rows: int
    rewritten: int
    plain: int
    unreadable: int


def tables() -> list[Table]:
    """Those with columns that hold contents."""
    return [table for table in SQLModel.metadata.sorted_tables if _sealed_columns(table)]


def rewrite(database: Database, table: Table, batch: int = BATCH) -> Iterator[Batch]:
    """One pass over what is not sealed with a current key, in the order of the primary key.

    Rows that others are writing just now are left for the next pass.
    """
    last: Sequence[Any] | None = None
    while True:
        with database.write() as connection:
            current = [prefix_of(key_id) for key_id in data_keys.current(connection)]
            rows = connection.execute(_next(table, current, last, batch)).all()
            told = _rewrite_rows(connection, database.vault, table, current, rows)
        if not rows:
            return
        last = rows[-1][: len(table.primary_key)]
        yield told


def left(database: Database, table: Table) -> int:
    """Rows with a value that no current key has sealed."""
    with database.read() as connection:
        current = [prefix_of(key_id) for key_id in data_keys.current(connection)]
        counted = select(func.count()).select_from(table).where(_stale(table, current))
        return int(connection.execute(counted).scalar_one())


def _next(table: Table, current: Sequence[str], last: Sequence[Any] | None, batch: int) -> Any:
    key = list(table.primary_key)
    beyond = [tuple_(*key) > tuple_(*last)] if last is not None else []
    columns = [type_coerce(column, _kind(column).raw).label(column.name) for column in _sealed_columns(table)]
    statement = select(*key, *columns).where(_stale(table, current), *beyond).order_by(*key).limit(batch)
    return statement.with_for_update(skip_locked=True)


def _stale(table: Table, current: Sequence[str]) -> Any:
    return or_(*(_is_stale(column, current) for column in _sealed_columns(table)))


def _is_stale(column: Column[Any], current: Sequence[str]) -> Any:
    kind = _kind(column)
    begins = func.substr(type_coerce(column, kind.raw), 1, PREFIX_LENGTH, type_=kind.raw)
    return and_(column.is_not(None), begins.not_in([kind.mark(prefix) for prefix in current]))


def _rewrite_rows(
    connection: Connection, vault: Vault, table: Table, current: Sequence[str], rows: Sequence[Row[Any]]
) -> Batch:
    rewritten = plain = unreadable = 0
    for row in rows:
        fresh: dict[str, Any] = {}
        for column in _sealed_columns(table):
            kind, stored = _kind(column), row._mapping[column.name]
            if stored is None or stored[:PREFIX_LENGTH] in [kind.mark(prefix) for prefix in current]:
                continue
            try:
                fresh[column.name] = kind.resealed(vault, stored)
            except Unreadable:
                unreadable += 1
                continue
            plain += kind.is_plain(stored)
        if fresh:
            _write(connection, table, row, fresh)
            rewritten += len(fresh)
    return Batch(table.name, len(rows), rewritten, plain, unreadable)


def _write(connection: Connection, table: Table, row: Row[Any], fresh: dict[str, Any]) -> None:
    here = [column == value for column, value in zip(table.primary_key, row, strict=False)]
    columns = [table.c[name] for name in fresh]
    values = {column: bindparam(f"new_{column.name}", fresh[column.name], type_=_raw(column)) for column in columns}
    connection.execute(update(table).where(*here).values(values))


def _sealed_columns(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if isinstance(column.type, Sealed)]


def _raw(column: Column[Any]) -> TypeEngine[Any]:
    return _kind(column).raw


def _kind(column: Column[Any]) -> Sealed:
    assert isinstance(column.type, Sealed)
    return column.type
