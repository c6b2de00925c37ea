"""Sessions as callers see them: each with its status on the wire, found and listed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, case, func, not_, or_, select
from sqlmodel import col

from overnight.errors import NotFound
from overnight.models import DEFAULT_AGENT, AgentVersion, Session, Task
from overnight.states import UNFINISHED, Life, TaskStatus, WaitReason
from overnight.store import agents, endings, labels
from overnight.store.leases import IS_OPEN
from overnight.store.listing import Cursor, between, paged
from overnight.store.submissions import LEASED


class SessionState(StrEnum):
    """What a session is doing, as Overnight says it."""

    IDLE = "idle"
    RUNNING = "running"  # its first unfinished task runs or is queued
    WAITING = "waiting"  # its first unfinished task waits, for whatever
    PAUSING = "pausing"  # paused, and its worker is about to put down what it was doing
    PAUSED = "paused"
    ARCHIVED = "archived"


class SessionStatus(StrEnum):
    """As Managed Agents names what a session is doing."""

    IDLE = "idle"  # nothing to do, or its first unfinished task waits for somebody
    RUNNING = "running"  # its first unfinished task runs or is queued
    RESCHEDULING = "rescheduling"  # its first unfinished task waits for its time, or for the session to be resumed
    TERMINATED = "terminated"  # archived


@dataclass(frozen=True, slots=True)
class Seen:
    """`agent` is None for the built-in one."""

    session: Session
    status: SessionStatus
    state: SessionState
    wait_reason: str | None
    agent: AgentVersion | None
    said: Mapping[str, Any] = field(default_factory=dict)  # by its workspace, of how its sessions end


@dataclass(frozen=True, slots=True)
class Filter:
    """What to list. Archived ones are shown where `statuses` or `states` name them or `include_archived` is set.

    `labels`: names that the metadata has, with their values or None for any; `title`: a part of it, in whatever case.
    """

    statuses: Collection[SessionStatus] = ()
    states: Collection[SessionState] = ()
    include_archived: bool = False
    user_id: str | None = None
    context_key: str | None = None
    title: str | None = None
    labels: Mapping[str, str | None] = field(default_factory=dict)
    forked_from: str | None = None
    active_since: datetime | None = None
    active_until: datetime | None = None
    agent_id: str | None = None
    agent_version: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    oldest_first: bool = False


WORKING = frozenset({SessionStatus.RUNNING, SessionStatus.RESCHEDULING})
BUSY = frozenset({SessionState.RUNNING, SessionState.WAITING})
#: Filters that are columns by their names.
SAME = ("user_id", "context_key", "forked_from", "agent_id", "agent_version")
WAITING = col(Task.status) == TaskStatus.WAITING
FOR_SOMEBODY = and_(
    WAITING, col(Task.wait_reason).in_([WaitReason.APPROVAL, WaitReason.TOOL_RESULT, WaitReason.BUDGET])
)
FOR_ITS_TIME = and_(
    WAITING,
    col(Task.wait_reason).in_([WaitReason.RETRY, WaitReason.RATE_LIMIT, WaitReason.TIMER, WaitReason.WORKER]),
)
IS_PAUSED = col(Session.life) == Life.PAUSED
DOING = (
    select(
        case(
            (FOR_SOMEBODY, SessionStatus.IDLE),
            (or_(FOR_ITS_TIME, IS_PAUSED), SessionStatus.RESCHEDULING),
            else_=SessionStatus.RUNNING,
        )
    )
    .where(col(Task.session_id) == col(Session.id), col(Task.status).in_(sorted(UNFINISHED)))
    .order_by(col(Task.seq))
    .limit(1)
    .correlate(Session)
    .scalar_subquery()
)
STATUS = case(
    (col(Session.life) == Life.ARCHIVED, SessionStatus.TERMINATED), else_=func.coalesce(DOING, SessionStatus.IDLE)
)
#: When something was last done or said in it: an idle session since it became so.
LAST_ACTIVE = func.coalesce(col(Session.idle_since), col(Session.updated_at))
HEAD = (
    select(func.coalesce(col(Task.wait_reason), col(Task.status)))
    .where(col(Task.session_id) == col(Session.id), col(Task.status).in_(sorted(UNFINISHED)))
    .order_by(col(Task.seq))
    .limit(1)
    .correlate(Session)
    .scalar_subquery()
)
IS_ACTIVE = col(Session.life) == Life.ACTIVE
REASONS = [reason.value for reason in WaitReason]
STATES: dict[SessionState, ColumnElement[bool]] = {
    SessionState.IDLE: and_(IS_ACTIVE, HEAD.is_(None)),
    SessionState.RUNNING: and_(IS_ACTIVE, HEAD.not_in(REASONS)),
    SessionState.WAITING: and_(IS_ACTIVE, HEAD.in_(REASONS)),
    SessionState.PAUSING: and_(IS_PAUSED, LEASED),
    SessionState.PAUSED: and_(IS_PAUSED, not_(LEASED)),
    SessionState.ARCHIVED: col(Session.life) == Life.ARCHIVED,
}
SEEN = select(Session, STATUS.label("doing"), HEAD.label("head"), LEASED.label("leased")).where(
    col(Session.life) != Life.DELETED
)
FIND = SEEN.where(col(Session.id) == bindparam("session_id"), col(Session.workspace_id) == bindparam("workspace"))


def find(connection: Connection, workspace_id: str, session_id: str) -> Seen:
    """Raises `NotFound`, also for a deleted one and for another workspace's."""
    row = connection.execute(FIND, {"session_id": session_id, "workspace": workspace_id}).first()
    if row is None:
        raise NotFound(f"session {session_id} not found")
    return _seen(connection, [row])[0]


def page(
    connection: Connection, workspace_id: str, wanted: Filter, *, limit: int, cursor: Cursor | None = None
) -> Sequence[Seen]:
    """At most `limit` sessions beyond `cursor`, newest first unless told otherwise."""
    matching = _filtered(SEEN.where(col(Session.workspace_id) == workspace_id), workspace_id, wanted)
    listed = paged(
        matching,
        Session,
        limit=limit,
        cursor=cursor,
        since=wanted.since,
        until=wanted.until,
        oldest_first=wanted.oldest_first,
    )
    return _seen(connection, connection.execute(listed).all())


def _filtered(statement: Select[Any], workspace_id: str, wanted: Filter) -> Select[Any]:
    if wanted.states:
        statement = statement.where(or_(*(STATES[state] for state in wanted.states)))
    if wanted.statuses:
        statement = statement.where(STATUS.in_(wanted.statuses))
    elif not wanted.include_archived and SessionState.ARCHIVED not in wanted.states:
        statement = statement.where(IS_OPEN)
    if _are_few(wanted):  # of many: begin with them
        busy = select(col(Task.session_id)).where(col(Task.status).in_(sorted(UNFINISHED)))
        statement = statement.where(col(Session.id).in_(busy))
    same = {name: getattr(wanted, name) for name in SAME}
    statement = statement.where(*(getattr(Session, name) == value for name, value in same.items() if value is not None))
    if wanted.title is not None:
        statement = statement.where(func.lower(col(Session.title)).contains(wanted.title.lower(), autoescape=True))
    statement = statement.where(*between(LAST_ACTIVE, wanted.active_since, wanted.active_until))
    return statement.where(*labels.carried(workspace_id, wanted.labels))


def _are_few(wanted: Filter) -> bool:
    """Whether all that is wanted has something to do."""
    of_states = bool(wanted.states) and BUSY.issuperset(wanted.states)
    return of_states or (bool(wanted.statuses) and WORKING.issuperset(wanted.statuses))


def _seen(connection: Connection, rows: Sequence[Row[Any]]) -> list[Seen]:
    named = {(row.agent_id, row.agent_version) for row in rows if row.agent_id != DEFAULT_AGENT}
    known = agents.versions(connection, named)
    said = endings.of_workspace(connection, rows[0].workspace_id).expiry if rows else {}
    return [_one_seen(row, known.get((row.agent_id, row.agent_version)), said) for row in rows]


def _one_seen(row: Row[Any], agent: AgentVersion | None, said: Mapping[str, Any]) -> Seen:
    columns = dict(row._mapping)
    status, head, leased = SessionStatus(columns.pop("doing")), columns.pop("head"), columns.pop("leased")
    session = Session.model_construct(**columns)
    reason = head if head in REASONS else None
    return Seen(session, status, _state(session, head, leased), reason, agent, said)


def _state(session: Session, head: str | None, leased: bool) -> SessionState:
    match Life(session.life):
        case Life.ARCHIVED:
            return SessionState.ARCHIVED
        case Life.PAUSED:
            return SessionState.PAUSING if leased else SessionState.PAUSED
        case _ if head is None:
            return SessionState.IDLE
    return SessionState.WAITING if head in REASONS else SessionState.RUNNING
