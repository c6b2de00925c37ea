"""The database's clock as SQL expressions: every time that decides something is read there, never from a host."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel.sql.sqltypes import UTCDateTime

from overnight.store.prepared import Prepared


class now(FunctionElement[Any]):  # noqa: N801 (reads as SQL)
    """The present moment: it moves on within a transaction."""

    type = UTCDateTime()
    inherit_cache = True


class after(FunctionElement[Any]):  # noqa: N801
    """The moment `after(seconds)` from now; negative seconds look back."""

    type = UTCDateTime()
    inherit_cache = True


class ago(FunctionElement[Any]):  # noqa: N801
    """`ago(seconds)`: that long before the statement began. It holds still in a statement, so an index can serve it."""

    type = UTCDateTime()
    inherit_cache = True


@compiles(now, "postgresql")
def _now_postgresql(element: Any, compiler: Any, **kwargs: Any) -> str:
    return "clock_timestamp()"


@compiles(now, "sqlite")
def _now_sqlite(element: Any, compiler: Any, **kwargs: Any) -> str:
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


@compiles(after, "postgresql")
def _after_postgresql(element: Any, compiler: Any, **kwargs: Any) -> str:
    return f"(clock_timestamp() + make_interval(secs => {compiler.process(element.clauses, **kwargs)}))"


@compiles(after, "sqlite")
def _after_sqlite(element: Any, compiler: Any, **kwargs: Any) -> str:
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', {compiler.process(element.clauses, **kwargs)} || ' seconds')"


@compiles(ago, "postgresql")
def _ago_postgresql(element: Any, compiler: Any, **kwargs: Any) -> str:
    return f"(statement_timestamp() - make_interval(secs => {compiler.process(element.clauses, **kwargs)}))"


@compiles(ago, "sqlite")
def _ago_sqlite(element: Any, compiler: Any, **kwargs: Any) -> str:
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', -{compiler.process(element.clauses, **kwargs)} || ' seconds')"


NOW = Prepared(select(now().label("now")))


def read_clock(connection: Connection) -> datetime:
    """For what is written before any statement has told the time."""
    at: datetime = NOW.every(connection, {})[0].now
    return at
