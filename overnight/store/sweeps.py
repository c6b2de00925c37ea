"""What the beat asks of SQL. Every question is served by an index and bounded, so idle sessions cost nothing."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, case, delete, or_, select, tuple_, union_all, update
from sqlmodel import col

from overnight.context_models import Context, Pin
from overnight.environment_models import Work
from overnight.models import Event, Idempotency, Message, Session, Task, ToolCall
from overnight.session_models import SessionLabel, Snapshot
from overnight.states import UNCLOSED, Life
from overnight.store.clock import after, ago, now

#: Seconds until a session that was woken and not taken is woken again: doubled, lest a backlog feed itself.
PATIENCE = case({0: 2.0, 1: 4.0, 2: 8.0, 3: 16.0}, value=col(Session.wakes), else_=30.0)

DUE = (
    select(col(Session.id))
    .where(
        col(Session.wake_at) <= ago(0.0),
        col(Session.life).in_(UNCLOSED),
        or_(col(Session.lease_expires_at).is_(None), col(Session.lease_expires_at) <= now()),
    )
    .order_by(col(Session.wake_at))
    .limit(bindparam("batch"))
    .with_for_update(skip_locked=True)
)
MARK = (
    update(Session)
    .where(col(Session.id).in_(bindparam("due", expanding=True)))
    .values(wake_at=after(PATIENCE), wakes=Session.wakes + 1)
)

IDEMPOTENCY_AGE = 86_400.0
NUMBER = col(Context.number)


def take_due(connection: Connection, batch: int = 500) -> Sequence[str]:
    """The sessions that need attention and have no owner, marked ahead so that the next sweep leaves them alone."""
    due = connection.execute(DUE, {"batch": batch}).scalars().all()
    if due:  # a statement of its own: as a subquery it makes Postgres read every session
        connection.execute(MARK, {"due": due})
    return due


def purgeable(connection: Connection, retention_days: float, batch: int = 20) -> Sequence[str]:
    """Deleted sessions, and archived ones older than `retention_days` (0: none of these)."""
    closed = select(col(Session.id)).where(col(Session.archived_at).is_not(None))  # which the index asks for
    deleted = closed.where(col(Session.life) == Life.DELETED)
    old = closed.where(col(Session.life) == Life.ARCHIVED, col(Session.archived_at) <= ago(86_400.0 * retention_days))
    gone = union_all(deleted, old) if retention_days > 0 else deleted
    return connection.execute(gone.limit(batch)).scalars().all()


def purge(connection: Connection, session_id: str, batch: int = 2_000) -> bool:
    """Removes at most `batch` rows of each kind; True when nothing of the session is left, but what it has cost."""
    left = 0
    for table, key in ((Message, col(Message.seq)), (Event, col(Event.seq)), (Pin, col(Pin.seq)), (Context, NUMBER)):
        rows = select(key).where(col(table.session_id) == session_id).limit(batch).scalar_subquery()
        left += connection.execute(delete(table).where(col(table.session_id) == session_id, key.in_(rows))).rowcount
    left += connection.execute(delete(SessionLabel).where(col(SessionLabel.session_id) == session_id)).rowcount
    for owned in (ToolCall, Task, Work, Snapshot):
        ids = select(col(owned.id)).where(col(owned.session_id) == session_id).limit(batch).scalar_subquery()
        left += connection.execute(delete(owned).where(col(owned.id).in_(ids))).rowcount
    if left:
        return False
    connection.execute(delete(Session).where(col(Session.id) == session_id))
    return True


def forget_idempotency_keys(connection: Connection, batch: int = 1_000) -> int:
    """Drops keys older than a day."""
    old = select(col(Idempotency.workspace_id), col(Idempotency.key)).where(
        col(Idempotency.created_at) <= ago(IDEMPOTENCY_AGE)
    )
    chosen = tuple_(col(Idempotency.workspace_id), col(Idempotency.key)).in_(old.limit(batch))
    return connection.execute(delete(Idempotency).where(chosen)).rowcount
