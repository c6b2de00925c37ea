"""Named points of a session, to go back to: each is a place in the ledger, and going back is a fork."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, or_, select
from sqlmodel import col

from overnight.errors import InvalidRequest, NotFound
from overnight.ids import SNAPSHOT, new_id
from overnight.session_models import Snapshot
from overnight.store import fork_points, forks, sessions
from overnight.store.bulk import insert_rows
from overnight.store.forks import Point
from overnight.store.listing import Cursor, paged
from overnight.store.places import reserve
from overnight.store.rows import every, first

#: Of one session.
MOST = 1_000


def take(connection: Connection, workspace_id: str, session_id: str, name: str) -> Snapshot:
    """Of the session as it stands: amid a turn, of its last safe point. Raises `NotFound`, `InvalidRequest`."""
    sessions.get(connection, workspace_id, session_id)
    place = reserve(connection, session_id)  # the row is taken, so the name and the room for it are free
    _check_free(connection, session_id, name)
    at = fork_points.safe(connection, session_id, place.ledger_seq)
    row: dict[str, Any] = {
        "id": new_id(SNAPSHOT),
        "workspace_id": workspace_id,
        "session_id": session_id,
        "name": name,
        "at": at,
        "context": fork_points.context_at(connection, session_id, at),
        "created_at": place.now,
    }
    insert_rows(connection, Snapshot, [row])
    return Snapshot.model_construct(**row)


def get(connection: Connection, workspace_id: str, session_id: str, snapshot_id: str) -> Snapshot:
    """By its id, or its name in the session. Raises `NotFound`, also where its session is gone."""
    sessions.get(connection, workspace_id, session_id)
    called = or_(col(Snapshot.id) == snapshot_id, col(Snapshot.name) == snapshot_id)
    mine = select(Snapshot).where(col(Snapshot.session_id) == session_id, called)
    snapshot = first(connection, Snapshot, mine.order_by((col(Snapshot.id) == snapshot_id).desc()).limit(1))
    if snapshot is None:
        raise NotFound(f"snapshot {snapshot_id} of session {session_id} not found")
    return snapshot


def find(connection: Connection, workspace_id: str, snapshot_id: str) -> Snapshot:
    """The same of whichever session."""
    mine = (col(Snapshot.id) == snapshot_id, col(Snapshot.workspace_id) == workspace_id)
    owner = connection.execute(select(col(Snapshot.session_id)).where(*mine)).scalar_one_or_none()
    if owner is None:
        raise NotFound(f"snapshot {snapshot_id} not found")
    return get(connection, workspace_id, owner, snapshot_id)


def page(
    connection: Connection, workspace_id: str, session_id: str, *, limit: int, cursor: Cursor | None
) -> Sequence[Snapshot]:
    """At most `limit` beyond `cursor`, newest first. Raises `NotFound`."""
    sessions.get(connection, workspace_id, session_id)
    mine = select(Snapshot).where(col(Snapshot.session_id) == session_id)
    return every(connection, Snapshot, paged(mine, Snapshot, limit=limit, cursor=cursor))


def remove(connection: Connection, workspace_id: str, session_id: str, snapshot_id: str) -> Snapshot:
    """The name is forgotten; nothing that was said is. Raises `NotFound`."""
    snapshot = get(connection, workspace_id, session_id, snapshot_id)
    connection.execute(delete(Snapshot).where(col(Snapshot.id) == snapshot.id))
    return snapshot


def restore(
    connection: Connection,
    workspace_id: str,
    session_id: str,
    snapshot_id: str,
    changes: Mapping[str, Any],
    *,
    idle_check: float,
) -> str:
    """The id of a fork that begins there. Raises `NotFound`, and `IntegrityError` for a `context_key` in use."""
    snapshot = get(connection, workspace_id, session_id, snapshot_id)
    parent = sessions.get(connection, workspace_id, session_id)
    point = Point(snapshot.at, snapshot.context)
    return forks.fork_at(connection, parent, point, changes, idle_check=idle_check)


def _check_free(connection: Connection, session_id: str, name: str) -> None:
    mine = select(func.count()).select_from(Snapshot).where(col(Snapshot.session_id) == session_id)
    if connection.execute(mine.where(col(Snapshot.name) == name)).scalar_one():
        raise InvalidRequest(f"name: the session has a snapshot '{name}' already; choose another", field="name")
    if connection.execute(mine).scalar_one() >= MOST:
        raise InvalidRequest(f"name: the session has {MOST} snapshots, the most there may be; delete one", field="name")
