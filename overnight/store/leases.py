"""The right to work on a session: one guarded UPDATE takes it and raises the token that guards every write after."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, or_, select, text, update
from sqlmodel import col

from overnight.errors import LeaseLost
from overnight.expiry import Standing
from overnight.models import OPEN, Session
from overnight.states import Life
from overnight.store.clock import after, now
from overnight.store.prepared import Prepared

#: Written out, so that the database knows its index of open sessions by it.
IS_OPEN = text(f"sessions.{OPEN}")
FREE: dict[Any, Any] = {"lease_owner": None, "lease_expires_at": None}


@dataclass(frozen=True, slots=True)
class Lease:
    """A session as its owner found it, and the token that proves the ownership."""

    session_id: str
    workspace_id: str
    owner: str
    token: int
    inbox: int
    ledger_seq: int
    context_from: int
    context_cut: int
    agent_id: str
    agent_version: int
    overrides: dict[str, Any] | None
    environment_id: str
    model: str
    system: str | None
    max_tokens: int
    budget_nanousd: int | None
    budget_tokens: int | None
    user_id: str | None
    created_at: datetime
    idle_since: datetime | None
    notified_at: datetime | None
    summary_attempts: int
    now: datetime
    context: int = 0
    context_tokens: int = 0
    is_paused: bool = False
    # of its end: what it says itself, and what holds
    expiry: dict[str, Any] | None = None
    ends_at: datetime | None = None
    kept_until: datetime | None = None
    tokens: int = 0
    archiving_since: datetime | None = None
    reader: tuple[str, int] | None = None  # the agent whose turn it is, where that is another than the session's own

    @property
    def has_budget(self) -> bool:
        """The session itself: users and workspaces may have budgets all the same."""
        return self.budget_nanousd is not None or self.budget_tokens is not None

    def standing(self, messages: int | None = None, tokens: int | None = None) -> Standing:
        """How long it is, or has become since it was taken."""
        length = self.ledger_seq if messages is None else messages
        used = self.tokens if tokens is None else tokens
        return Standing(length, used, self.ends_at, self.kept_until, self.archiving_since is not None)


@dataclass(frozen=True, slots=True)
class Stamp:
    """The session's counters after a guarded write took its place in line, and the moment it did."""

    event_seq: int
    ledger_seq: int
    inbox: int
    now: datetime
    is_paused: bool = False
    # where a request has been paid for: the session's sums since, and its budget
    input_tokens: int = 0
    output_tokens: int = 0
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0
    cost_nanousd: int | None = None
    budget_nanousd: int | None = None
    budget_tokens: int | None = None
    context: int = 0  # where one has begun

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens + self.cache_write_tokens + self.cache_read_tokens


TOKENS = (
    col(Session.input_tokens)
    + col(Session.output_tokens)
    + col(Session.cache_write_tokens)
    + col(Session.cache_read_tokens)
)
IS_PAUSED = (col(Session.life) == Life.PAUSED).label("is_paused")

ACQUIRE = Prepared(
    update(Session)
    .where(
        col(Session.id) == bindparam("session_id"),
        IS_OPEN,
        or_(col(Session.lease_expires_at).is_(None), col(Session.lease_expires_at) <= now()),
    )
    .values(
        lease_owner=bindparam("owner"),
        lease_token=Session.lease_token + 1,
        lease_expires_at=after(bindparam("ttl")),
        wake_at=after(bindparam("ttl")),
        wakes=0,
    )
    .returning(
        col(Session.id).label("session_id"),
        col(Session.workspace_id),
        col(Session.lease_owner).label("owner"),
        col(Session.lease_token).label("token"),
        col(Session.inbox),
        col(Session.ledger_seq),
        col(Session.context_from),
        col(Session.context_cut),
        col(Session.agent_id),
        col(Session.agent_version),
        col(Session.overrides),
        col(Session.environment_id),
        col(Session.model),
        col(Session.system),
        col(Session.max_tokens),
        col(Session.budget_nanousd),
        col(Session.budget_tokens),
        col(Session.user_id),
        col(Session.created_at),
        col(Session.idle_since),
        col(Session.notified_at),
        col(Session.summary_attempts),
        now().label("now"),
        col(Session.context),
        col(Session.context_tokens),
        IS_PAUSED,
        col(Session.expiry),
        col(Session.ends_at),
        col(Session.kept_until),
        TOKENS.label("tokens"),
        col(Session.archiving_since),
    )
)

HELD = (
    col(Session.id) == bindparam("session_id"),
    col(Session.lease_owner) == bindparam("owner"),
    col(Session.lease_token) == bindparam("token"),
)

GUARDED = (
    update(Session)
    .where(*HELD)
    .values(event_seq=Session.event_seq + bindparam("events"), updated_at=now())
    .returning(col(Session.event_seq), col(Session.ledger_seq), col(Session.inbox), now().label("now"), IS_PAUSED)
)
GUARD = Prepared(GUARDED)

LET_GO = Prepared(
    update(Session)
    .where(*HELD)
    .values(
        **FREE,
        wake_at=bindparam("next_wake"),
        wakes=bindparam("sent"),
        idle_since=bindparam("idle"),
        notified_at=bindparam("notified"),
    )
)

RENEW = (
    update(Session)
    .where(col(Session.lease_owner) == bindparam("owner"), col(Session.id).in_(bindparam("held", expanding=True)))
    .values(lease_expires_at=after(bindparam("ttl")), wake_at=after(bindparam("ttl")))
    .returning(col(Session.id), col(Session.lease_token))
)


def acquire(connection: Connection, session_id: str, owner: str, ttl: float) -> Lease | None:
    """Takes the session for `ttl` seconds, or gives None where it is owned, closed or gone.

    A paused one is taken to put down what it was doing, and for nothing else.
    """
    row = ACQUIRE.first(connection, {"session_id": session_id, "owner": owner, "ttl": ttl})
    return Lease(*row) if row else None


def guard(connection: Connection, lease: Lease, events: int, statement: Prepared = GUARD, **values: Any) -> Stamp:
    """First statement of every write of an owner: locks the session and reserves `events` places in its record.

    `statement` may be a wider form of `GUARD`, with its `values`. Raises `LeaseLost` when somebody else has taken the
    session since: the transaction must then be rolled back.
    """
    row = statement.first(connection, {**_proof(lease), "events": events, **values})
    if row is None:
        raise LeaseLost(lease.session_id)
    return Stamp(*row)


def let_go(
    connection: Connection,
    lease: Lease,
    next_wake: datetime | None,
    *,
    idle_since: datetime | None = None,
    notified_at: datetime | None = None,
    woken: bool = False,
) -> None:
    """Ends the ownership until `next_wake`, in the transaction of a guarded write that has seen all there is to do.

    `woken` says that the caller sends a wake-up itself after the commit.
    """
    plan = {"next_wake": next_wake, "idle": idle_since, "notified": notified_at, "sent": int(woken)}
    LET_GO.run(connection, {**_proof(lease), **plan})


def paused(connection: Connection, owner: str) -> Sequence[str]:
    """The ids of the owner's sessions that somebody has paused."""
    statement = select(col(Session.id)).where(col(Session.lease_owner) == owner, col(Session.life) == Life.PAUSED)
    return connection.execute(statement).scalars().all()


def held(connection: Connection, owner: str) -> dict[str, int]:
    """The token of each session that is the owner's."""
    statement = select(col(Session.id), col(Session.lease_token)).where(col(Session.lease_owner) == owner)
    return {row.id: row.lease_token for row in connection.execute(statement)}


def renew(connection: Connection, owner: str, held: Collection[str], ttl: float) -> dict[str, int]:
    """Extends all of `held` in one statement; gives session id → token of those that are still the owner's."""
    rows = connection.execute(RENEW, {"owner": owner, "ttl": ttl, "held": list(held)})
    return {row.id: row.lease_token for row in rows}


def free_predecessor(connection: Connection, owner: str) -> Sequence[str]:
    """Frees what a dead process of the same node name held (`owner` is `node#incarnation`); gives the session ids."""
    node, _, _ = owner.rpartition("#")
    statement = (
        update(Session)
        .where(
            func.substr(col(Session.lease_owner), 1, len(node) + 1) == f"{node}#",  # LIKE is lax about case on SQLite
            col(Session.lease_owner) != owner,
        )
        .values(**FREE, wake_at=after(1.0), wakes=1)
        .returning(col(Session.id))
    )
    return connection.execute(statement).scalars().all()


def _proof(lease: Lease) -> dict[str, Any]:
    return {"session_id": lease.session_id, "owner": lease.owner, "token": lease.token}
