"""Several rows in one INSERT: one round trip, and one statement for the database to plan."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, union_all
from sqlmodel import SQLModel

from overnight.store.prepared import Prepared


def insert_rows(connection: Connection, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes `rows`, if there are any, all with the same columns, to the table of `model`."""
    if not rows:
        return
    values = {f"{name}_{place}": value for place, row in enumerate(rows) for name, value in row.items()}
    _statement(model, tuple(rows[0]), len(rows)).run(connection, values)


@lru_cache
def _statement(model: type[SQLModel], columns: tuple[str, ...], rows: int) -> Prepared:
    table = model.__table__.c  # type: ignore[attr-defined]
    places = [
        select(*(bindparam(f"{name}_{place}", type_=table[name].type) for name in columns)) for place in range(rows)
    ]
    return Prepared(insert(model).from_select(list(columns), union_all(*places)))
