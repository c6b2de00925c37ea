"""Tasks: reading them, and the one guarded UPDATE behind each of their moves."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, case, exists, or_, select, text, update
from sqlmodel import col

from overnight.errors import NotFound
from overnight.models import Session, Task
from overnight.states import FINAL, UNFINISHED, Life, StopRequest, TaskStatus, one_of
from overnight.store.clock import now
from overnight.store.listing import Cursor, paged
from overnight.store.prepared import Prepared
from overnight.store.rows import every, first

IS_UNFINISHED = text(one_of("tasks.status", sorted(UNFINISHED)))
HEAD = (
    select(Task).where(col(Task.session_id) == bindparam("session_id"), IS_UNFINISHED).order_by(col(Task.seq)).limit(1)
)
HAS_OPEN_CALLS = col(Task.open_calls) > 0
UNDER_WAY = or_(col(Task.status) == TaskStatus.RUNNING, HAS_OPEN_CALLS)
AT_WORK = HEAD.order_by(None).order_by(case((UNDER_WAY, 0), else_=1), col(Task.seq))
FIND_HEAD = Prepared(HEAD)
FIND_OPEN = Prepared(HEAD.where(HAS_OPEN_CALLS))
#: The tasks of a deleted session are gone with it, before the purge removes their rows.
SHOWN = exists().where(col(Session.id) == col(Task.session_id), col(Session.life) != Life.DELETED)
GET = select(Task).where(col(Task.id) == bindparam("task_id"), col(Task.workspace_id) == bindparam("workspace"), SHOWN)
STOPPING = select(col(Task.session_id), col(Task.id), col(Task.stop_request)).where(
    col(Task.stop_request).is_not(None), col(Task.status) == TaskStatus.RUNNING
)


def get(connection: Connection, workspace_id: str, task_id: str) -> Task:
    """Raises `NotFound`, also for another workspace's and for a deleted session's."""
    task = first(connection, Task, GET, {"task_id": task_id, "workspace": workspace_id})
    if task is None:
        raise NotFound(f"task {task_id} not found")
    return task


def head(connection: Connection, session_id: str) -> Task | None:
    """The task to work on: the session's first that is not finished.

    A retried one comes before those that began meanwhile, but nothing may come between a call and its result.
    """
    row = FIND_HEAD.first(connection, {"session_id": session_id})
    if row is not None and row.status == TaskStatus.QUEUED and row.started_at is not None:
        row = FIND_OPEN.first(connection, {"session_id": session_id}) or row
    return Task.model_construct(**row._asdict()) if row else None


def at_work(connection: Connection, session_id: str) -> Task | None:
    """The task that the session is doing: the one under way, which a retry may have put back, else the first."""
    return first(connection, Task, AT_WORK, {"session_id": session_id})


def move(
    connection: Connection, task_id: str, target: TaskStatus, *, sources: Collection[TaskStatus], **changes: Any
) -> bool:
    """The only writer of one task's `status`: True when it was in one of `sources` and now is in `target`."""
    statement = _move(target, tuple(sources), tuple(sorted(changes)))
    values = {"task_id": task_id, **{f"new_{name}": value for name, value in changes.items()}}
    return statement.run(connection, values) == 1


def keep(connection: Connection, task: Task, **changes: Any) -> Task | None:
    """Changes what is known of a task and leaves its state: None when it is no longer as `task` says."""
    values = {"task_id": task.id, "seen": task.status, **{f"new_{name}": value for name, value in changes.items()}}
    if _keep(tuple(sorted(changes))).run(connection, values) == 0:
        return None
    return task.model_copy(update=changes)


@lru_cache
def _keep(changed: tuple[str, ...]) -> Prepared:
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in changed}
    same = (col(Task.id) == bindparam("task_id"), col(Task.status) == bindparam("seen"))
    return Prepared(update(Task).where(*same).values(**values, updated_at=now()))


@lru_cache
def _move(target: TaskStatus, sources: tuple[TaskStatus, ...], changed: tuple[str, ...]) -> Prepared:
    values: dict[str, Any] = {
        "status": target,
        "wait_reason": None,
        "due_at": None,
        "finished_at": now() if target in FINAL else None,
        "updated_at": now(),
    }
    values |= {name: bindparam(f"new_{name}") for name in changed}
    legal = text(one_of("tasks.status", sources))
    return Prepared(update(Task).where(col(Task.id) == bindparam("task_id"), legal).values(**values))


def request_stop(connection: Connection, task_id: str, request: StopRequest) -> bool:
    """Marks a running task to be stopped; its owner, or the next one, carries it out."""
    statement = (
        update(Task)
        .where(col(Task.id) == task_id, col(Task.status) == TaskStatus.RUNNING)
        .values(stop_request=request, updated_at=now())
    )
    return connection.execute(statement).rowcount == 1


def stopping(connection: Connection) -> dict[str, tuple[str, StopRequest]]:
    """Session id → (task id, request) of every running task that somebody wants stopped."""
    return {row.session_id: (row.id, StopRequest(row.stop_request)) for row in connection.execute(STOPPING)}


def page(
    connection: Connection,
    workspace_id: str,
    *,
    limit: int,
    cursor: Cursor | None = None,
    session_id: str | None = None,
    statuses: Sequence[str] = (),
    user_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Sequence[Task]:
    """At most `limit` tasks, newest first, older than `cursor`."""
    statement = select(Task).where(col(Task.workspace_id) == workspace_id, SHOWN)
    if session_id is not None:
        statement = statement.where(col(Task.session_id) == session_id)
    if statuses:
        statement = statement.where(col(Task.status).in_(statuses))
    if user_id is not None:
        statement = statement.where(col(Task.user_id) == user_id)
    return every(connection, Task, paged(statement, Task, limit=limit, cursor=cursor, since=since, until=until))
