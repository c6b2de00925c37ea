"""Sessions as their users see them: create, find, list, archive, delete."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select, update
from sqlmodel import col

from overnight import event_types
from overnight.errors import InvalidRequest, NotFound
from overnight.expiry import end_by_age
from overnight.ids import SESSION, new_id
from overnight.models import DEFAULT_AGENT, DEFAULT_ENVIRONMENT, DEFAULT_VERSION, Session, Task
from overnight.states import (
    LIFE_MOVES,
    TASK_MOVES,
    UNCLOSED,
    UNFINISHED,
    ArchiveReason,
    Life,
    Removal,
    TaskStatus,
    sources,
)
from overnight.store import abandon, events, labels, packs, tombstones, users, work
from overnight.store.bulk import insert_rows
from overnight.store.clock import now, read_clock
from overnight.store.events import Draft
from overnight.store.leases import FREE, IS_OPEN
from overnight.store.places import reserve
from overnight.store.rows import every, first
from overnight.store.submissions import WAKE_GRACE, Accepted, NewTask, insert_task, what_was_said

IN_A_STEP = select(Task).where(
    col(Task.session_id) == bindparam("session_id"), col(Task.status).in_(sorted(UNFINISHED)), col(Task.open_calls) > 0
)


@dataclass(frozen=True, slots=True)
class NewSession:
    model: str
    max_tokens: int
    system: str | None = None
    title: str | None = None
    notes: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    context_key: str | None = None
    user_id: str | None = None
    agent_id: str = DEFAULT_AGENT
    agent_version: int = DEFAULT_VERSION
    overrides: dict[str, Any] | None = None  # of the agent's tools and mcp_servers
    environment_id: str = DEFAULT_ENVIRONMENT
    budget_nanousd: int | None = None
    budget_tokens: int | None = None
    expiry: dict[str, Any] | None = None  # what it says of its end itself
    is_introduced: bool = False  # the system prompt says what is known of the user already
    max_age: float | None = None  # seconds, as somebody says of it; None: as the settings say; 0: any
    id: str = field(default_factory=lambda: new_id(SESSION))


def create(
    connection: Connection,
    workspace_id: str,
    new: NewSession,
    first_tasks: Sequence[NewTask] = (),
    *,
    idle_check: float,
) -> list[Accepted]:
    """Writes a session with its first tasks; an idle one looks after itself in `idle_check` seconds (0: never).

    Raises `IntegrityError` when an open session of the agent has this `context_key` already.
    """
    at = read_clock(connection)
    told = [what_was_said(task) for task in first_tasks]
    wait = WAKE_GRACE if first_tasks else idle_check
    session = Session(
        id=new.id,
        workspace_id=workspace_id,
        model=new.model,
        max_tokens=new.max_tokens,
        system=_system(connection, workspace_id, new),
        title=new.title,
        notes=new.notes,
        labels=new.labels,
        context_key=new.context_key,
        user_id=new.user_id,
        agent_id=new.agent_id,
        agent_version=new.agent_version,
        overrides=new.overrides,
        environment_id=new.environment_id,
        budget_nanousd=new.budget_nanousd,
        budget_tokens=new.budget_tokens,
        expiry=new.expiry,
        ends_at=end_by_age(at, new.max_age),
        inbox=len(first_tasks),
        event_seq=sum(map(len, told)),
        wakes=1 if first_tasks else 0,
        idle_since=None if first_tasks else at,
        wake_at=at + timedelta(seconds=wait) if wait else None,
        created_at=at,
        updated_at=at,
    )
    insert_rows(connection, Session, [session.model_dump()])
    labels.add(connection, workspace_id, new.id, new.labels)
    if told:
        drafts = [draft for said in told for draft in said]
        events.append(connection, workspace_id, new.id, len(drafts), at, drafts)
    return [
        Accepted(insert_task(connection, workspace_id, new.id, place + 1, at, task), place, told[place], place == 0)
        for place, task in enumerate(first_tasks)
    ]


def _system(connection: Connection, workspace_id: str, new: NewSession) -> str | None:
    if new.is_introduced or new.user_id is None:
        return new.system
    return users.introduced(connection, workspace_id, new.user_id, new.system)


def get(connection: Connection, workspace_id: str, session_id: str) -> Session:
    """Raises `NotFound`, also for a deleted one and for another workspace's."""
    statement = select(Session).where(
        col(Session.id) == session_id, col(Session.workspace_id) == workspace_id, col(Session.life) != Life.DELETED
    )
    session = first(connection, Session, statement)
    if session is None:
        raise NotFound(f"session {session_id} not found")
    return session


def is_over(connection: Connection, session_id: str, told: int) -> bool:
    """Nothing can follow event number `told`: the session is closed or gone, and that was its last event."""
    statement = select(col(Session.life), col(Session.event_seq)).where(col(Session.id) == session_id)
    row = connection.execute(statement).one_or_none()
    return row is None or (row.life not in UNCLOSED and row.event_seq <= told)


def find_open(connection: Connection, workspace_id: str, context_key: str, agent_id: str | None = None) -> str | None:
    """The id of the agent's open session with this `context_key`: there is one at most.

    Without an agent the only one there is, else the built-in agent's. Raises `InvalidRequest` where that has none.
    """
    statement = select(col(Session.agent_id), col(Session.id)).where(
        col(Session.workspace_id) == workspace_id, col(Session.context_key) == context_key, IS_OPEN
    )
    of: dict[str, str] = {row.agent_id: row.id for row in connection.execute(statement)}
    if agent_id is not None or len(of) < 2:
        return of.get(agent_id) if agent_id is not None else next(iter(of.values()), None)
    if DEFAULT_AGENT not in of:
        named = ", ".join(sorted(of))
        raise InvalidRequest(f"agent: open sessions of {named} have this context_key; say whose", field="agent")
    return of[DEFAULT_AGENT]


def archive(connection: Connection, workspace_id: str, session_id: str) -> Session:
    """Ends a session as its user wishes: cancels what is not finished, fences its owner out. Twice is no error.

    It has no summary, not even one from before it was resumed.
    """
    by_user = {"archive_reason": ArchiveReason.USER, "summary": None}
    _close(connection, workspace_id, session_id, Life.ARCHIVED, event_types.SESSION_ARCHIVED, **by_user)
    return get(connection, workspace_id, session_id)


def delete(connection: Connection, workspace_id: str, session_id: str, *, actor: str = tombstones.RETENTION) -> None:
    """Hides a session at once, as `actor` wishes; the next purge removes its rows. Raises `NotFound`."""
    if not _close(connection, workspace_id, session_id, Life.DELETED, event_types.SESSION_DELETED):
        raise NotFound(f"session {session_id} not found")
    tombstones.begin(connection, workspace_id, Removal.SESSION, session_id, actor)


def _close(
    connection: Connection, workspace_id: str, session_id: str, life: Life, event_type: str, **changes: Any
) -> bool:
    statement = (
        update(Session)
        .where(
            col(Session.id) == session_id,
            col(Session.workspace_id) == workspace_id,
            col(Session.life).in_(sources(LIFE_MOVES, life)),
        )
        .values(
            life=life,
            **FREE,
            lease_token=Session.lease_token + 1,
            wake_at=None,
            inbox=Session.inbox + 1,
            archiving_since=None,
            archived_at=now(),
            updated_at=now(),
            **changes,
        )
    )
    if connection.execute(statement).rowcount == 0:
        return False
    cancel_unfinished(connection, session_id, f"session {life}")
    work.wind_up(connection, session_id)
    if life is Life.ARCHIVED:
        packs.plan(connection, workspace_id, session_id)
    drafts = [Draft(event_type, {"reason": changes.get("archive_reason")}), Draft(event_types.SESSION_TERMINATED)]
    place = reserve(connection, session_id, events=len(drafts))
    events.append(connection, workspace_id, session_id, place.event_seq, place.now, drafts)
    return True


def cancel_unfinished(connection: Connection, session_id: str, reason: str) -> list[str]:
    """In a transaction that has taken the session's row; gives the ids of the tasks, in their order."""
    for task in every(connection, Task, IN_A_STEP, {"session_id": session_id}):
        abandon.open_calls(connection, task, f"the {reason}")
    cancelled = connection.execute(
        update(Task)
        .where(col(Task.session_id) == session_id, col(Task.status).in_(sources(TASK_MOVES, TaskStatus.CANCELLED)))
        .values(
            status=TaskStatus.CANCELLED,
            wait_reason=None,
            due_at=None,
            stop_reason=reason,
            finished_at=now(),
            updated_at=now(),
        )
        .returning(col(Task.seq), col(Task.id))
    )
    return [row.id for row in sorted(cancelled, key=lambda row: row.seq)]
