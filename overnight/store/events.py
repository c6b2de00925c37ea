"""The outward record of a session: appended where the state changes, in the same transaction, in order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, select
from sqlmodel import col

from overnight import event_types
from overnight.ids import EVENT, new_id
from overnight.models import Event, Task
from overnight.states import Record
from overnight.store import packs, records
from overnight.store.bulk import insert_rows
from overnight.store.listing import between
from overnight.store.records import Wish


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
SHOWN = ("seq", "id", "type", "task_id", "payload", "created_at")
LISTED: Any = select(
    *(col(getattr(Event, name)) for name in SHOWN), col(Task.started_at), col(Task.finished_at)
).outerjoin(Task, (col(Event.task_id) == col(Task.id)) & col(Event.type).in_(sorted(event_types.SAID)))
FOLLOW = (
    LISTED.where(col(Event.session_id) == bindparam("session_id"), col(Event.seq) > bindparam("after_seq"))
    .order_by(col(Event.seq))
    .limit(bindparam("limit"))
)


class Seen(NamedTuple):
    """An event as it is shown, with the times of its task."""

    seq: int
    id: str
    type: str
    task_id: str | None
    payload: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


def follow(connection: Connection, session_id: str, after_seq: int, limit: int = 500) -> Sequence[Any]:
    """The events after `after_seq` in order, as `Seen` has them."""
    rows: Sequence[Row[Any]] = connection.execute(
        FOLLOW, {"session_id": session_id, "after_seq": after_seq, "limit": limit}
    ).all()
    # Numbers seldom have a gap, and packs hold the beginning: whether something is packed need seldom be asked.
    if (rows and rows[0].seq == after_seq + 1) or packs.end(connection, session_id, Record.EVENTS) <= after_seq:
        return rows
    return _anywhere(connection, session_id, Wish(after_seq, limit=limit))


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
) -> Sequence[Seen]:
    """At most `limit` events beyond `cursor` (a seq, exclusive) in the asked direction."""
    of_types = (col(Event.type).in_(types),) if types else ()

    def is_wanted(row: records.Row) -> bool:
        at = row["created_at"]
        return (not types or row["type"] in types) and (not since or at >= since) and (not until or at <= until)

    bounds = {"until": None if cursor is None else cursor - 1} if newest_first else {"after": cursor or 0}
    where = (*of_types, *between(col(Event.created_at), since, until))
    wish = Wish(limit=limit, newest_first=newest_first, where=where, wanted=is_wanted, **bounds)
    return _anywhere(connection, session_id, wish)


def _anywhere(connection: Connection, session_id: str, wish: Wish) -> Sequence[Seen]:
    """With their tasks' times, which are not packed."""
    found = records.read(connection, Event, session_id, wish)
    said = sorted({row["task_id"] for row in found if row["type"] in event_types.SAID and row["task_id"]})
    times = select(col(Task.id), col(Task.started_at), col(Task.finished_at)).where(col(Task.id).in_(said))
    known = {row.id: row for row in connection.execute(times)} if said else {}
    return [_seen(row, known.get(row["task_id"])) for row in found]


def _seen(row: records.Row, task: Any | None) -> Seen:
    """As `LISTED` has it."""
    is_said = row["type"] in event_types.SAID and task is not None
    times = (task.started_at, task.finished_at) if is_said and task is not None else (None, None)
    return Seen(row["seq"], row["id"], row["type"], row["task_id"], row["payload"], row["created_at"], *times)
