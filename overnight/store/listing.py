"""Lists in the order in which their rows were made, page by page: each begins where the one before it ended."""

from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Select, and_, or_
from sqlmodel import col

#: The last row that was shown: `created_at` and `id`.
Cursor = tuple[datetime, str]


class Made(Protocol):
    """A table whose rows can be listed so."""

    id: str
    created_at: datetime


def paged(
    statement: Select[Any],
    table: type[Made],
    *,
    limit: int,
    cursor: Cursor | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    oldest_first: bool = False,
) -> Select[Any]:
    """At most `limit` rows beyond `cursor`, newest first unless told otherwise."""
    created, identity = col(table.created_at), col(table.id)
    statement = statement.where(*between(created, since, until))
    if cursor is not None:
        at, last = cursor
        later = or_(created > at, and_(created == at, identity > last))
        earlier = or_(created < at, and_(created == at, identity < last))
        statement = statement.where(later if oldest_first else earlier)
    order = (created, identity) if oldest_first else (created.desc(), identity.desc())
    return statement.order_by(*order).limit(limit)


def between(created: Any, since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    """Both bounds are inclusive, and None bounds nothing."""
    bounds = [None if since is None else created >= since, None if until is None else created <= until]
    return [bound for bound in bounds if bound is not None]
