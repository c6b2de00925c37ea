"""What was spent, summed up from the ledger of calls in groups; and a session's calls one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Connection, Date, case, cast, func, literal, select, tuple_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import col

from overnight.models import ModelCall
from overnight.store import calls
from overnight.store.listing import Cursor, between, paged
from overnight.store.rows import every


class GroupBy(StrEnum):
    DAY = "day"
    MODEL = "model"
    AGENT = "agent_id"
    USER = "user_id"
    SESSION = "session_id"
    TASK = "task_id"
    PURPOSE = "purpose"


class day_of(FunctionElement[Any]):  # noqa: N801 (reads as SQL)
    """The day in UTC of a time."""

    type = Date()
    inherit_cache = True


@compiles(day_of, "postgresql")
def _day_postgresql(element: Any, compiler: Any, **kwargs: Any) -> str:
    return f"CAST(({compiler.process(element.clauses, **kwargs)} AT TIME ZONE 'UTC') AS DATE)"


@compiles(day_of, "sqlite")
def _day_sqlite(element: Any, compiler: Any, **kwargs: Any) -> str:
    return f"substr({compiler.process(element.clauses, **kwargs)}, 1, 10)"


#: Null sorts unlike on the two databases, and no id is empty.
KEYS: dict[GroupBy, Any] = {
    GroupBy.DAY: day_of(col(ModelCall.created_at)),
    GroupBy.MODEL: col(ModelCall.model),
    GroupBy.AGENT: col(ModelCall.agent_id),
    GroupBy.USER: func.coalesce(col(ModelCall.user_id), ""),
    GroupBy.SESSION: col(ModelCall.session_id),
    GroupBy.TASK: func.coalesce(col(ModelCall.task_id), ""),
    GroupBy.PURPOSE: col(ModelCall.purpose),
}
SUMMED = (*calls.COUNTED, "cache_write_1h_tokens", "web_searches")
IS_UNPRICED = col(ModelCall.cost_nanousd).is_(None)
#: What a group must be beyond, as text.
Key = Sequence[str]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which calls; both times are inclusive. `only` by the names of columns."""

    since: datetime
    until: datetime
    only: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sums:
    """`cost_nanousd` is without the calls that have no listed price."""

    input_tokens: int
    output_tokens: int
    cache_write_tokens: int
    cache_read_tokens: int
    cost_nanousd: int
    cache_write_1h_tokens: int
    web_searches: int


@dataclass(frozen=True, slots=True)
class Group:
    """`key` by the names of `GroupBy`."""

    key: dict[str, str]
    requests: int
    unpriced: int
    sums: Sums


def grouped(
    connection: Connection,
    workspace_id: str,
    by: Sequence[GroupBy],
    wanted: Filter,
    *,
    limit: int,
    after: Key | None = None,
) -> list[Group]:
    """At most `limit` groups beyond `after`, in the order of their keys; one of all where `by` is empty."""
    keys = [KEYS[name] for name in by]
    sums = [cast(func.coalesce(func.sum(getattr(ModelCall, name)), 0), BigInteger).label(name) for name in SUMMED]
    counts = [
        func.count().label("requests"),
        func.coalesce(func.sum(case((IS_UNPRICED, 1), else_=0)), 0).label("unpriced"),
    ]
    statement = (
        select(*(key.label(name) for name, key in zip(by, keys, strict=True)), *counts, *sums)
        .where(col(ModelCall.workspace_id) == workspace_id)
        .where(*between(col(ModelCall.created_at), wanted.since, wanted.until))
        .where(*(getattr(ModelCall, name) == value for name, value in wanted.only.items()))
        .limit(limit)
    )
    if keys:
        statement = statement.group_by(*keys).order_by(*keys)
    if keys and after is not None:
        places = [literal(_typed(name, text), key.type) for name, key, text in zip(by, keys, after, strict=True)]
        statement = statement.where(tuple_(*keys) > tuple_(*places))
    return [_group(by, row) for row in connection.execute(statement)]


def of_session(
    connection: Connection, session_id: str, *, limit: int, cursor: Cursor | None = None
) -> Sequence[ModelCall]:
    """At most `limit` of the session's calls after `cursor`, oldest first."""
    statement = select(ModelCall).where(col(ModelCall.session_id) == session_id)
    return every(connection, ModelCall, paged(statement, ModelCall, limit=limit, cursor=cursor, oldest_first=True))


def _typed(name: GroupBy, text: str) -> date | str:
    return date.fromisoformat(text) if name is GroupBy.DAY else text


def _group(by: Sequence[GroupBy], row: Any) -> Group:
    key = {name.value: str(getattr(row, name)) for name in by}
    return Group(key, row.requests, int(row.unpriced), Sums(**{name: getattr(row, name) for name in SUMMED}))
