"""The outward record of a session: appended where the state changes, in the same transaction, in order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select
from sqlmodel import col

from overnight import event_types
from overnight.ids import EVENT, new_id
from overnight.models import Event, Task
from overnight.store.bulk import insert_rows
from overnight.store.listing import between


@dataclass(frozen=True, slots=True)
class Draft:
    """An event before it has its place: its type, what the type adds, and the task it belongs to."""

    type: str
    payload: dict[str, Any] = field(default_factory=dict)
    task_id: str | None = None
    id: str = field(default_factory=lambda: new_id(EVENT))


def append(
    connection: Connection, workspace_id: str, session_id: str, last_seq: int, at: datetime, drafts: Sequence[Draft]
) -> None:
    """Writes `drafts` as the events up to and including `last_seq`, which the session row has just reserved."""
    first = last_seq - len(drafts) + 1
    rows = [
        {
            "session_id": session_id,
            "seq": first + place,
            "id": draft.id,
            "workspace_id": workspace_id,
            "task_id": draft.task_id,
            "type": draft.type,
            "payload": draft.payload,
            "created_at": at,
        }
        for place, draft in enumerate(drafts)
    ]
    insert_rows(connection, Event, rows)


#: An event and its task's times: a user's event is processed when its task starts, any other when it is written.
LISTED: Any = select(Event, col(Task.started_at), col(Task.finished_at)).outerjoin(
    Task, (col(Event.task_id) == col(Task.id)) & col(Event.type).in_(sorted(event_types.SAID))
)
FOLLOW = (
    LISTED.where(col(Event.session_id) == bindparam("session_id"), col(Event.seq) > bindparam("after_seq"))
    .order_by(col(Event.seq))
    .limit(bindparam("limit"))
)


def follow(connection: Connection, session_id: str, after_seq: int, limit: int = 500) -> Sequence[Row[Any]]:
    """The events after `after_seq` in order: columns of `Event`, and `started_at`, `finished_at` of its task."""
    rows: Sequence[Row[Any]] = connection.execute(
        FOLLOW, {"session_id": session_id, "after_seq": after_seq, "limit": limit}
    ).all()
    return rows


def page(
    connection: Connection,
    session_id: str,
    *,
    limit: int,
    cursor: int | None,
    newest_first: bool = False,
    types: Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
) -> Sequence[Row[Any]]:
    """At most `limit` events beyond `cursor` (a seq, exclusive) in the asked direction."""
    statement = LISTED.where(col(Event.session_id) == session_id)
    if cursor is not None:
        statement = statement.where(col(Event.seq) < cursor if newest_first else col(Event.seq) > cursor)
    if types:
        statement = statement.where(col(Event.type).in_(types))
    statement = statement.where(*between(col(Event.created_at), since, until))
    order = col(Event.seq).desc() if newest_first else col(Event.seq).asc()
    rows: Sequence[Row[Any]] = connection.execute(statement.order_by(order).limit(limit)).all()
    return rows
