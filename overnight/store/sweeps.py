"""What the beat asks of SQL. Every question is served by an index and bounded, so idle sessions cost nothing."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, case, delete, or_, select, tuple_, update
from sqlmodel import col

from overnight.models import Idempotency, Session
from overnight.states import UNCLOSED
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


def take_due(connection: Connection, batch: int = 500) -> Sequence[str]:
    """The sessions that need attention and have no owner, marked ahead so that the next sweep leaves them alone."""
    due = connection.execute(DUE, {"batch": batch}).scalars().all()
    if due:  # a statement of its own: as a subquery it makes Postgres read every session
        connection.execute(MARK, {"due": due})
    return due


def forget_idempotency_keys(connection: Connection, batch: int = 1_000) -> int:
    """Drops keys older than a day."""
    old = select(col(Idempotency.workspace_id), col(Idempotency.key)).where(
        col(Idempotency.created_at) <= ago(IDEMPOTENCY_AGE)
    )
    chosen = tuple_(col(Idempotency.workspace_id), col(Idempotency.key)).in_(old.limit(batch))
    return connection.execute(delete(Idempotency).where(chosen)).rowcount
