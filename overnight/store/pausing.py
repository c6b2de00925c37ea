"""What callers do to a session as a whole, at any time: pause it, and let it go on."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, select, update
from sqlmodel import col

from overnight import event_types
from overnight.models import Session, Task
from overnight.states import LIFE_MOVES, Life, TaskStatus, WaitReason, sources
from overnight.store import events, sessions, tasks
from overnight.store.clock import after, now
from overnight.store.events import Draft
from overnight.store.rows import every
from overnight.store.submissions import LEASED, WAKE_GRACE, why_closed

#: What a task waits for that is looked at again when its session goes on: the answer may have come meanwhile.
LOOKED_AT = (WaitReason.PAUSED, WaitReason.BUDGET, WaitReason.WORKER)
HELD_UP = select(Task).where(col(Task.status) == TaskStatus.WAITING, col(Task.wait_reason).in_(LOOKED_AT))


@dataclass(frozen=True, slots=True)
class Moved:
    """`changed`: it was otherwise before; `wake`: send a wake-up after the commit."""

    changed: bool
    wake: bool = False


def pause(connection: Connection, workspace_id: str, session_id: str) -> Moved:
    """From now on no step and no call begins; tasks are accepted and kept. Twice is no error.

    An owner at work puts down what he is doing. Raises `NotFound`, `SessionClosed`.
    """
    changes = {"paused_at": now(), "notified_at": None}
    row = _move(connection, workspace_id, session_id, Life.PAUSED, **changes)
    if row is not None:
        _tell(connection, workspace_id, session_id, row, event_types.SESSION_PAUSED)
    return Moved(row is not None)


def resume(connection: Connection, workspace_id: str, session_id: str) -> Moved:
    """What was put down and what has come meanwhile goes on. Of one that is not paused: no error, and nothing done.

    Raises `NotFound`, `SessionClosed`.
    """
    changes = {
        "paused_at": None,
        "idle_since": case((col(Session.idle_since).is_not(None), now()), else_=None),
        "wakes": case((LEASED, col(Session.wakes)), else_=Session.wakes + 1),
        "wake_at": case((LEASED, col(Session.wake_at)), else_=after(WAKE_GRACE)),
    }
    row = _move(connection, workspace_id, session_id, Life.ACTIVE, **changes)
    if row is None:
        return Moved(changed=False)
    for task in every(connection, Task, HELD_UP.where(col(Task.session_id) == session_id)):
        tasks.keep(connection, task, due_at=row.now)
    _tell(connection, workspace_id, session_id, row, event_types.SESSION_RESUMED)
    return Moved(changed=True, wake=not row.leased)


def _move(connection: Connection, workspace_id: str, session_id: str, life: Life, **changes: Any) -> Any | None:
    """Takes the session's row and raises its inbox; None where it is in that life already."""
    legal = [source for source in sources(LIFE_MOVES, life) if source in {Life.ACTIVE, Life.PAUSED}]
    statement = (
        update(Session)
        .where(col(Session.id) == session_id, col(Session.workspace_id) == workspace_id, col(Session.life).in_(legal))
        .values(life=life, inbox=Session.inbox + 1, event_seq=Session.event_seq + 1, updated_at=now(), **changes)
        .returning(col(Session.event_seq), LEASED.label("leased"), now().label("now"))
    )
    row = connection.execute(statement).first()
    if row is None and sessions.get(connection, workspace_id, session_id).life != life:
        raise why_closed(connection, workspace_id, session_id)
    return row


def _tell(connection: Connection, workspace_id: str, session_id: str, row: Any, event_type: str) -> None:
    events.append(connection, workspace_id, session_id, row.event_seq, row.now, [Draft(event_type)])
