"""Archiving by hand with a summary: the wish of a caller, which the session's owner carries out as he does expiry.

The wish stands in the session's row, so whoever owns the session next goes on with it.
"""

from typing import Any

from sqlalchemy import Connection, func, update
from sqlmodel import col

from overnight import event_types
from overnight.errors import InvalidRequest
from overnight.models import Session
from overnight.states import ArchiveReason, Life
from overnight.store import events, sessions, work
from overnight.store.clock import after, now
from overnight.store.events import Draft
from overnight.store.leases import FREE
from overnight.store.pausing import Moved
from overnight.store.places import reserve
from overnight.store.submissions import WAKE_GRACE

#: Why its tasks end, as with archiving at once.
WHY = f"session {Life.ARCHIVED}"


def archive_with_summary(connection: Connection, workspace_id: str, session_id: str) -> Moved:
    """Cancels what is not finished, fences its owner out, and has the next one summarise and archive it.

    Whatever is sent to the session before that is done takes the wish back. Of one that is archived, or has the wish
    already, nothing is done. Raises `NotFound`, and `InvalidRequest` for a paused one.
    """
    active = (col(Session.life) == Life.ACTIVE, col(Session.archiving_since).is_(None))
    statement = (
        update(Session)
        .where(col(Session.id) == session_id, col(Session.workspace_id) == workspace_id, *active)
        .values(
            **FREE,
            lease_token=Session.lease_token + 1,
            inbox=Session.inbox + 1,
            idle_since=func.coalesce(col(Session.idle_since), now()),
            notified_at=None,
            summary_attempts=0,
            archiving_since=now(),
            wakes=1,
            wake_at=after(WAKE_GRACE),
            updated_at=now(),
        )
    )
    if connection.execute(statement).rowcount == 0:
        _check(sessions.get(connection, workspace_id, session_id))
        return Moved(changed=False)
    cancelled = sessions.cancel_unfinished(connection, session_id, WHY)
    work.wind_up(connection, session_id)
    drafts = _told(cancelled)
    place = reserve(connection, session_id, events=len(drafts))
    events.append(connection, workspace_id, session_id, place.event_seq, place.now, drafts)
    return Moved(changed=True, wake=True)


def _told(cancelled: list[str]) -> list[Draft]:
    idle: dict[str, Any] = {"stop_reason": {"type": "end_turn"}}
    rest = [Draft(event_types.SESSION_IDLE, idle)] if cancelled else []
    ends = Draft(event_types.SESSION_EXPIRING, {"reason": ArchiveReason.USER, "expires_at": None})
    return [*(Draft(event_types.TASK_CANCELLED, {"stop_reason": WHY}, task_id) for task_id in cancelled), *rest, ends]


def _check(session: Session) -> None:
    if session.life == Life.PAUSED:
        why = f"session {session.id} is paused, and nothing is asked of Claude meanwhile"
        remedy = "resume it first, or leave this out: it is then archived at once, without one"
        raise InvalidRequest(f"summary: {why}; {remedy}", field="summary")
