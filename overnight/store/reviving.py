"""What callers do about a session's end: put it off, or take it back."""

from sqlalchemy import Connection, and_, case, not_, update
from sqlmodel import col

from overnight import event_types
from overnight.errors import InvalidRequest, SessionClosed
from overnight.history.policy import Cut
from overnight.models import Session
from overnight.states import Life, Origin
from overnight.store import events, packs, pins, session_changes, sessions
from overnight.store.clock import after, now
from overnight.store.events import Draft
from overnight.store.leases import IS_OPEN
from overnight.store.pausing import Moved
from overnight.store.places import reserve
from overnight.store.submissions import LEASED, WAKE_GRACE, why_closed

#: Seconds for which one that goes on again is kept at least, lest the limit which ended it end it at once.
REPRIEVE = 86_400.0


def extend(connection: Connection, workspace_id: str, session_id: str, seconds: float | None) -> None:
    """As if it had been used now; with `seconds`, no limit ends it before so long from now. A worker looks at it soon.

    Raises `NotFound`, `SessionClosed`.
    """
    is_idle = col(Session.idle_since).is_not(None)
    kept = {} if seconds is None else {"kept_until": after(seconds)}
    statement = (
        update(Session)
        .where(col(Session.id) == session_id, col(Session.workspace_id) == workspace_id, IS_OPEN)
        .values(
            inbox=Session.inbox + 1,
            event_seq=Session.event_seq + 1,
            idle_since=case((is_idle, now()), else_=None),
            notified_at=None,
            summary_attempts=0,
            archiving_since=None,
            wake_at=case((and_(is_idle, not_(LEASED)), after(WAKE_GRACE)), else_=col(Session.wake_at)),
            updated_at=now(),
            **kept,
        )
        .returning(col(Session.event_seq), now().label("now"))
    )
    row = connection.execute(statement).first()
    if row is None:
        raise why_closed(connection, workspace_id, session_id)
    told = Draft(event_types.SESSION_EXTENDED, {"seconds": seconds})
    events.append(connection, workspace_id, session_id, row.event_seq, row.now, [told])


def revive(
    connection: Connection, workspace_id: str, session_id: str, origin: Origin | None, *, idle_check: float
) -> Moved:
    """An archived session goes on, with its summary or with all that was said; its rows are where they were.

    Of one that is open: nothing is done. Raises `NotFound`, and `InvalidRequest` where it cannot be.
    """
    sessions.get(connection, workspace_id, session_id)
    reserve(connection, session_id)
    session = sessions.get(connection, workspace_id, session_id)
    if session.life != Life.ARCHIVED:
        return Moved(changed=False)
    _check(connection, session, origin)
    packs.unpack(connection, session_id)
    place = reserve(connection, session_id, events=1)
    connection.execute(
        update(Session)
        .where(col(Session.id) == session_id)
        .values(
            life=Life.ACTIVE,
            archive_reason=None,
            archived_at=None,
            paused_at=None,
            inbox=Session.inbox + 1,
            idle_since=now(),
            notified_at=None,
            summary_attempts=0,
            kept_until=after(REPRIEVE),
            wakes=0,
            wake_at=after(idle_check) if idle_check else None,
            updated_at=now(),
        )
    )
    if origin is Origin.SUMMARY:
        summary = [{"type": "text", "text": session.summary}]
        pins.begin(connection, session, place, Cut("resumed", place.ledger_seq, [], summary))
    told = Draft(event_types.SESSION_RESUMED, {"from": origin})
    events.append(connection, workspace_id, session_id, place.event_seq, place.now, [told])
    return Moved(changed=True)


def revive_as_can_be(
    connection: Connection, workspace_id: str, session_id: str, origin: Origin, *, idle_check: float
) -> Moved:
    """The same, in full where there is no summary. Raises `InvalidRequest` where its context key is in use."""
    session = sessions.get(connection, workspace_id, session_id)
    origin = origin if session.summary else Origin.FULL
    return revive(connection, workspace_id, session_id, origin, idle_check=idle_check)


def _check(connection: Connection, session: Session, origin: Origin | None) -> None:
    if origin is None:
        why = f'session {session.id} is archived; say what it goes on with: "summary", or "full" for all that was said'
        raise SessionClosed(f"from: {why}", field="from", resume_from=[way.value for way in Origin])
    if origin is Origin.SUMMARY and not session.summary:
        why = f'session {session.id} was archived without a summary; send "full"'
        raise InvalidRequest(f"from: {why}", field="from")
    if session.context_key:
        session_changes.check_key_is_free(connection, session, session.context_key)
