"""How an idle session ends: warned, summarised, archived, by its owner, unless a task arrives first."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam

from overnight import event_types
from overnight.models import Session
from overnight.states import ArchiveReason, Life
from overnight.store import calls, events, leases, packs, sessions, work
from overnight.store.calls import Call
from overnight.store.clock import now
from overnight.store.events import Draft
from overnight.store.leases import FREE, GUARDED, Lease, Stamp
from overnight.store.prepared import Prepared

GUARD_ARCHIVE = Prepared(
    GUARDED.values(
        life=Life.ARCHIVED,
        archive_reason=bindparam("reason"),
        archived_at=now(),
        archiving_since=None,
        summary=bindparam("text", type_=Session.__table__.c.summary.type),  # type: ignore[attr-defined]
        **FREE,
        wake_at=None,
        **{name: getattr(Session, name) + bindparam(f"add_{name}") for name in calls.COUNTED},
    )
)
NOTHING: Mapping[str, Any] = {}
GUARD_ATTEMPT = Prepared(GUARDED.values(summary_attempts=Session.summary_attempts + 1))


def warn(connection: Connection, lease: Lease, reason: ArchiveReason, expires_at: datetime) -> bool:
    """Says that the session is about to end and lets go until then; False when a task has arrived."""
    draft = Draft(event_types.SESSION_EXPIRING, {"reason": reason, "expires_at": expires_at.isoformat()})
    stamp = leases.guard(connection, lease, events=1)
    if stamp.inbox != lease.inbox:
        connection.rollback()
        return False
    _record(connection, lease, stamp, [draft])
    leases.let_go(connection, lease, expires_at, idle_since=lease.idle_since, notified_at=stamp.now)
    return True


def postpone(connection: Connection, lease: Lease, delay: float) -> bool:
    """The summary failed: tries again after `delay` seconds; False when a task has arrived."""
    return _later(connection, lease, leases.guard(connection, lease, 0, GUARD_ATTEMPT), delay)


def put_off(connection: Connection, lease: Lease, delay: float) -> bool:
    """The summary has not been tried: Claude's limits leave no room. False when a task has arrived."""
    return _later(connection, lease, leases.guard(connection, lease, 0), delay)


def _later(connection: Connection, lease: Lease, stamp: Stamp, delay: float) -> bool:
    if stamp.inbox != lease.inbox:
        connection.rollback()
        return False
    later = stamp.now + timedelta(seconds=delay)
    leases.let_go(connection, lease, later, idle_since=lease.idle_since, notified_at=lease.notified_at)
    return True


def archive(
    connection: Connection,
    lease: Lease,
    reason: ArchiveReason,
    summary: str | None,
    problem: str | None,
    call: Call | None,
    told: Mapping[str, Any] = NOTHING,
) -> bool:
    """Archives with `summary`, or without one and says why; False, and nothing changed, when a task has arrived."""
    drafts = [
        Draft(event_types.SESSION_ARCHIVED, {"reason": reason, "summary": summary, "summary_error": problem, **told}),
        Draft(event_types.SESSION_TERMINATED),
    ]
    values = {"reason": reason, "text": summary, **calls.added(call)}
    stamp = leases.guard(connection, lease, len(drafts), GUARD_ARCHIVE, **values)
    if stamp.inbox != lease.inbox:
        connection.rollback()
        return False
    work.wind_up(connection, lease.session_id)
    packs.plan(connection, lease.workspace_id, lease.session_id)
    if call is not None:
        calls.record(connection, lease, stamp.now, None, call)
    _record(connection, lease, stamp, drafts)
    return True


def remove(connection: Connection, lease: Lease) -> bool:
    """Deletes the session, as its limits say; False, and nothing changed, when a task has arrived."""
    stamp = leases.guard(connection, lease, 0)
    if stamp.inbox != lease.inbox:
        connection.rollback()
        return False
    sessions.delete(connection, lease.workspace_id, lease.session_id)
    return True


def _record(connection: Connection, lease: Lease, stamp: Stamp, drafts: list[Draft]) -> None:
    events.append(connection, lease.workspace_id, lease.session_id, stamp.event_seq, stamp.now, drafts)
