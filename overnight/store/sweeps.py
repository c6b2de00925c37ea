"""What the beat asks of SQL. Every question is served by an index and bounded, so idle sessions cost nothing."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, case, delete, or_, select, tuple_, update
from sqlmodel import col

from overnight.models import Idempotency, Session
from overnight.states import UNCLOSED
from overnight.store.clock import after, ago, now

#: Seconds until a session that was woken and not taken is woken again: doubled, lest a backlog feed itself.
PATIENCE = case({0: 2.0, 1: 4.0, 2: 8.0, 3: 16.0}, value=col(Session.wakes), else_=30.0)

FIND = (
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
AT_WORK = FIND.where(col(Session.idle_since).is_(None))
IDLE = FIND.where(col(Session.idle_since).is_not(None))
#: Idle sessions that are looked at a second, as their end has come near: work is not to wait behind a crowd of them.
ENDINGS = 20
MARK = (
    update(Session)
    .where(col(Session.id).in_(bindparam("due", expanding=True)))
    .values(wake_at=after(PATIENCE), wakes=Session.wakes + 1)
)

IDEMPOTENCY_AGE = 86_400.0


def take_due(connection: Connection, batch: int = 500, endings: int = ENDINGS) -> Sequence[str]:
    """The sessions that need attention and have no owner, marked ahead so that the next sweep leaves them alone."""
    due = [
        *connection.execute(AT_WORK, {"batch": batch}).scalars(),
        *connection.execute(IDLE, {"batch": endings}).scalars(),
    ]
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
