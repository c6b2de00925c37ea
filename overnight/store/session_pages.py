"""Sessions as callers see them: each with its status on the wire, found and listed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, bindparam, case, func, select
from sqlmodel import col

from overnight.errors import NotFound
from overnight.models import DEFAULT_AGENT, AgentVersion, Session, Task
from overnight.states import UNFINISHED, Life, TaskStatus, WaitReason
from overnight.store import agents
from overnight.store.listing import Cursor, paged


class SessionStatus(StrEnum):
    """As Managed Agents names what a session is doing."""

    IDLE = "idle"  # nothing to do, or its first unfinished task waits for somebody
    RUNNING = "running"  # its first unfinished task runs or is queued
    RESCHEDULING = "rescheduling"  # its first unfinished task waits for its time
    TERMINATED = "terminated"  # archived


@dataclass(frozen=True, slots=True)
class Seen:
    """`agent` is None for the built-in one."""

    session: Session
    status: SessionStatus
    agent: AgentVersion | None


@dataclass(frozen=True, slots=True)
class Filter:
    """What to list. Archived sessions are shown where `statuses` names them or `include_archived` is set."""

    statuses: Collection[SessionStatus] = ()
    include_archived: bool = False
    user_id: str | None = None
    agent_id: str | None = None
    agent_version: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    oldest_first: bool = False


WORKING = frozenset({SessionStatus.RUNNING, SessionStatus.RESCHEDULING})
WAITING = col(Task.status) == TaskStatus.WAITING
FOR_SOMEBODY = and_(
    WAITING, col(Task.wait_reason).in_([WaitReason.APPROVAL, WaitReason.TOOL_RESULT, WaitReason.BUDGET])
)
FOR_ITS_TIME = and_(
    WAITING,
    col(Task.wait_reason).in_([WaitReason.RETRY, WaitReason.RATE_LIMIT, WaitReason.TIMER, WaitReason.WORKER]),
)
DOING = (
    select(
        case(
            (FOR_SOMEBODY, SessionStatus.IDLE),
            (FOR_ITS_TIME, SessionStatus.RESCHEDULING),
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
SEEN = select(Session, STATUS.label("doing")).where(col(Session.life) != Life.DELETED)
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
    matching = _filtered(SEEN.where(col(Session.workspace_id) == workspace_id), wanted)
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


def _filtered(statement: Select[Any], wanted: Filter) -> Select[Any]:
    if wanted.statuses:
        statement = statement.where(STATUS.in_(wanted.statuses))
    elif not wanted.include_archived:
        statement = statement.where(col(Session.life) != Life.ARCHIVED)
    if wanted.statuses and WORKING.issuperset(wanted.statuses):  # few of many: begin with them
        busy = select(col(Task.session_id)).where(col(Task.status).in_(sorted(UNFINISHED)))
        statement = statement.where(col(Session.id).in_(busy))
    if wanted.user_id is not None:
        statement = statement.where(col(Session.user_id) == wanted.user_id)
    if wanted.agent_id is not None:
        statement = statement.where(col(Session.agent_id) == wanted.agent_id)
    if wanted.agent_version is not None:
        statement = statement.where(col(Session.agent_version) == wanted.agent_version)
    return statement


def _seen(connection: Connection, rows: Sequence[Row[Any]]) -> list[Seen]:
    named = {(row.agent_id, row.agent_version) for row in rows if row.agent_id != DEFAULT_AGENT}
    known = agents.versions(connection, named)
    return [_one_seen(row, known.get((row.agent_id, row.agent_version))) for row in rows]


def _one_seen(row: Row[Any], agent: AgentVersion | None) -> Seen:
    columns = dict(row._mapping)
    status = SessionStatus(columns.pop("doing"))
    return Seen(Session.model_construct(**columns), status, agent)
