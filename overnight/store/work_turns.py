"""What an environment's workers do with work: poll it, acknowledge it, keep it by heartbeats, stop it.

A heartbeat compares what its worker has seen with what is stored, and that is the fence: of two workers that believe
an item theirs, the one whose value is out of date is told to let go.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, exists, func, or_, select
from sqlmodel import col

from overnight.environment_models import Work
from overnight.errors import Conflict, NotFound
from overnight.states import WORK_MOVES, WorkState, sources
from overnight.store import work
from overnight.store.clock import after, now
from overnight.store.rows import first
from overnight.store.work import IS_LIVE

#: What the first heartbeat of a worker expects.
NO_HEARTBEAT = "NO_HEARTBEAT"

HERE = and_(col(Work.environment_id) == bindparam("environment"), IS_LIVE)
#: Seconds after which an item that was polled and not acknowledged is offered again.
PATIENCE: Any = -bindparam("reclaim")
UNANSWERED = or_(col(Work.polled_at).is_(None), col(Work.polled_at) <= after(PATIENCE))
OFFERED = and_(col(Work.state) == WorkState.QUEUED, col(Work.due_at) <= now(), UNANSWERED)
SILENT = col(Work.expires_at) <= now()
LOST = and_(col(Work.state).in_(sources(WORK_MOVES, WorkState.QUEUED)), SILENT)
FADED = and_(col(Work.state) == WorkState.STOPPING, SILENT)
ANYTHING = select(exists().where(HERE, or_(OFFERED, LOST, FADED)))
NEXT = (
    select(col(Work.id))
    .where(HERE, or_(OFFERED, LOST))
    .order_by(col(Work.created_at))
    .limit(1)
    .with_for_update(skip_locked=True)
)
FIRST_FADED = select(Work).where(HERE, FADED).order_by(col(Work.created_at)).limit(1)


@dataclass(frozen=True, slots=True)
class Beat:
    """An item after a heartbeat, and whether that has kept it."""

    work: Work
    extended: bool

    @property
    def is_lost(self) -> bool:
        """Another worker has it, or it was given back to the queue."""
        return not self.extended and self.work.state not in {WorkState.STOPPING, WorkState.STOPPED}


def is_anything(connection: Connection, environment_id: str, reclaim: float) -> bool:
    """Whether `poll` would find something to do; writes nothing."""
    values = {"environment": environment_id, "reclaim": reclaim}
    return bool(connection.execute(ANYTHING, values).scalar_one())


def poll(connection: Connection, environment_id: str, reclaim: float) -> Work | None:
    """The oldest item that no worker has: new, not acknowledged for `reclaim` seconds, or lost with its worker."""
    _settle(connection, environment_id)
    values = {"environment": environment_id, "reclaim": reclaim}
    work_id = connection.execute(NEXT, values).scalar_one_or_none()
    if work_id is None:
        return None
    fresh = {"polled_at": now(), "acknowledged_at": None, "started_at": None, "heartbeat_at": None, "expires_at": None}
    attempts = case((col(Work.state) == WorkState.QUEUED, col(Work.attempts)), else_=col(Work.attempts) + 1)
    here = col(Work.id) == work_id
    return work.move(connection, WorkState.QUEUED, here, or_stay=True, attempts=attempts, **fresh)


def acknowledge(connection: Connection, workspace_id: str, environment_id: str, work_id: str, ttl: int) -> Work:
    """A worker takes it, for `ttl` seconds; twice is no error.

    Raises `NotFound`; `Conflict` for one that has stopped.
    """
    find(connection, workspace_id, environment_id, work_id)
    taken: dict[str, Any] = {"acknowledged_at": now(), "ttl": ttl, "expires_at": after(ttl)}
    made = work.move(connection, WorkState.STARTING, col(Work.id) == work_id, **taken)
    if made is not None:
        return made
    return _not_stopped(find(connection, workspace_id, environment_id, work_id))


def beat(
    connection: Connection,
    workspace_id: str,
    environment_id: str,
    work_id: str,
    expected: datetime | str | None,
    ttl: int,
) -> Beat:
    """Keeps it for `ttl` seconds more, if `expected` is the heartbeat that is stored (None: whichever is).

    Raises `NotFound`.
    """
    find(connection, workspace_id, environment_id, work_id)
    seen = []
    if expected is not None:
        stored = col(Work.heartbeat_at)
        seen.append(stored.is_(None) if expected == NO_HEARTBEAT else stored == expected)
    started = func.coalesce(col(Work.started_at), now())
    times: dict[str, Any] = {"heartbeat_at": now(), "started_at": started, "ttl": ttl, "expires_at": after(ttl)}
    kept = work.move(connection, WorkState.ACTIVE, col(Work.id) == work_id, *seen, or_stay=True, **times)
    if kept is not None:
        return Beat(kept, extended=True)
    return Beat(find(connection, workspace_id, environment_id, work_id), extended=False)


def stop(connection: Connection, workspace_id: str, environment_id: str, work_id: str, *, force: bool) -> Work:
    """Ends it, or asks its worker to; what nobody has taken ends at once.

    Raises `NotFound`; `Conflict` for one that has stopped.
    """
    session_id = find(connection, workspace_id, environment_id, work_id).session_id
    work.lock_session(connection, session_id)
    found = _not_stopped(find(connection, workspace_id, environment_id, work_id))
    here = col(Work.id) == work_id
    if not force and (leaving := work.move(connection, WorkState.STOPPING, here, **work.leaving())):
        return leaving
    if not force and found.state == WorkState.STOPPING:
        return found
    asked: dict[str, Any] = {"stop_requested_at": func.coalesce(col(Work.stop_requested_at), now())}
    stopped = work.move(connection, WorkState.STOPPED, here, **asked, **work.ended())
    assert stopped is not None
    work.queue_again(connection, stopped)
    return stopped


def find(connection: Connection, workspace_id: str, environment_id: str, work_id: str) -> Work:
    """Raises `NotFound`, also for another environment's."""
    mine = (col(Work.workspace_id) == workspace_id, col(Work.environment_id) == environment_id)
    found = first(connection, Work, select(Work).where(col(Work.id) == work_id, *mine))
    if found is None:
        raise NotFound(f"work {work_id} not found in environment {environment_id}")
    return found


def _settle(connection: Connection, environment_id: str) -> None:
    """A worker that was asked to stop has fallen silent: it has stopped."""
    faded = first(connection, Work, FIRST_FADED, {"environment": environment_id})
    if faded is None:
        return
    work.lock_session(connection, faded.session_id)
    stopped = work.move(connection, WorkState.STOPPED, col(Work.id) == faded.id, FADED, **work.ended())
    if stopped is not None:
        work.queue_again(connection, stopped)


def _not_stopped(found: Work) -> Work:
    if found.state == WorkState.STOPPED:
        raise Conflict(f"work {found.id} has stopped already")
    return found
