"""What callers do to a session's work: submit, cancel, interrupt, retry.

Each takes the session row first and raises its inbox, so that an owner who is letting go sees it (DESIGN, invariant 6).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, case, func, literal, or_, select, update
from sqlmodel import col

from overnight import event_types
from overnight.ceilings import Ceiling
from overnight.errors import IllegalMove, NotFound, SessionClosed
from overnight.ids import TASK, new_id
from overnight.models import Session, Task
from overnight.states import (
    TASK_MOVES,
    UNCLOSED,
    Life,
    Origin,
    Priority,
    StopRequest,
    TaskStatus,
    WaitReason,
    sources,
)
from overnight.store import abandon, events, task_limits, tasks
from overnight.store.bulk import insert_rows
from overnight.store.clock import after, now
from overnight.store.events import Draft
from overnight.store.leases import IS_OPEN
from overnight.store.places import reserve
from overnight.store.prepared import Prepared
from overnight.store.task_limits import NO_CHANGE, TaskLimits

#: How long the sweep leaves a session alone for which a wake-up has just been sent, seconds.
WAKE_GRACE = 2.0

LEASED = and_(col(Session.lease_expires_at).is_not(None), col(Session.lease_expires_at) > now())
#: Nobody is to be woken: an owner sees what has come before he lets go, and a paused session waits to be resumed.
UNSTIRRED = or_(LEASED, col(Session.life) == Life.PAUSED)

CALL_ATTENTION = (
    update(Session)
    .where(
        col(Session.id) == bindparam("session_id"),
        col(Session.workspace_id) == bindparam("workspace"),
        IS_OPEN,
    )
    .values(
        inbox=Session.inbox + 1,
        event_seq=Session.event_seq + bindparam("events"),
        idle_since=None,
        notified_at=None,
        summary_attempts=0,
        archiving_since=None,
        updated_at=now(),
        wakes=case((UNSTIRRED, col(Session.wakes)), else_=Session.wakes + 1),
        wake_at=case((or_(UNSTIRRED, col(Session.wakes) > 0), col(Session.wake_at)), else_=after(literal(WAKE_GRACE))),
    )
    .returning(
        col(Session.inbox), col(Session.event_seq), col(Session.wakes), UNSTIRRED.label("unstirred"), now().label("now")
    )
)
#: The settings say how old a session becomes of which nobody else has said so.
YOUNG = or_(
    col(Session.kept_until) > now(),
    col(Session.ends_at) > now(),
    and_(
        col(Session.ends_at).is_(None),
        or_(bindparam("max_age") <= 0, col(Session.created_at) > after(-bindparam("max_age"))),
    ),
)
ACCEPT = Prepared(CALL_ATTENTION.where(YOUNG))

# A statement of its own: inside the UPDATE that waits for the row it would count as of before the wait.
AHEAD = Prepared(
    select(func.count().label("tasks")).where(col(Task.session_id) == bindparam("session_id"), tasks.IS_UNFINISHED)
)

NO_CEILING = Ceiling()
BLANK_TASK = Task.model_construct().model_dump()  # type: ignore[call-arg]  # what a caller does not say


@dataclass(frozen=True, slots=True)
class NewTask:
    """What is asked for. `not_before` in the future makes it wait as `scheduled`. `max_steps` None: the agent's."""

    content: list[dict[str, Any]]
    labels: dict[str, str] = field(default_factory=dict)
    user_id: str | None = None
    not_before: datetime | None = None
    deadline: datetime | None = None
    max_steps: int | None = None
    budget: Ceiling = NO_CEILING
    priority: Priority = Priority.INTERACTIVE
    note: list[dict[str, Any]] | None = None
    agent: tuple[str, int] | None = None  # id and version of whose turn it is; None: the session's own
    id: str = field(default_factory=lambda: new_id(TASK))


@dataclass(frozen=True, slots=True)
class Attention:
    """The session row after a caller raised its inbox. `wake`: it has no owner, and no wake-up is under way."""

    inbox: int
    event_seq: int
    now: datetime
    wake: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """A task that will run, how many are ahead of it, its events, and whether to send a wake-up after the commit."""

    task: Task
    ahead: int
    events: list[Draft]
    wake: bool


def submit(
    connection: Connection,
    workspace_id: str,
    session_id: str,
    new: NewTask,
    *,
    max_age: float,
    extra: Sequence[Draft] = (),
) -> Accepted:
    """Appends a task to an open session. Raises `NotFound`, `SessionClosed`; `InvalidRequest` for a past deadline."""
    told = what_was_said(new)
    drafts = [*extra, *told]
    values = {"session_id": session_id, "workspace": workspace_id, "events": len(drafts), "max_age": float(max_age)}
    row = ACCEPT.first(connection, values)
    if row is None:
        raise why_closed(connection, workspace_id, session_id)
    attention = _attention(row)
    events.append(connection, workspace_id, session_id, attention.event_seq, attention.now, drafts)
    before = ahead(connection, session_id)
    task = insert_task(connection, workspace_id, session_id, attention.inbox, attention.now, new)
    return Accepted(task, before, told, attention.wake)


def ahead(connection: Connection, session_id: str) -> int:
    """How many tasks of the session are not finished."""
    return int(AHEAD.every(connection, {"session_id": session_id})[0].tasks)


def insert_task(
    connection: Connection, workspace_id: str, session_id: str, seq: int, at: datetime, new: NewTask
) -> Task:
    task_limits.check_deadline(new.deadline, at)
    scheduled = new.not_before is not None and new.not_before > at
    row = {
        **BLANK_TASK,
        "id": new.id,
        "workspace_id": workspace_id,
        "session_id": session_id,
        "seq": seq,
        "status": TaskStatus.WAITING if scheduled else TaskStatus.QUEUED,
        "wait_reason": WaitReason.SCHEDULED if scheduled else None,
        "due_at": new.not_before if scheduled else None,
        "content": new.content,
        "note": new.note,
        "labels": new.labels,
        "agent_id": new.agent[0] if new.agent else None,
        "agent_version": new.agent[1] if new.agent else None,
        "user_id": new.user_id,
        "deadline": new.deadline,
        "max_steps": new.max_steps,
        "budget_nanousd": new.budget.nanousd,
        "budget_tokens": new.budget.tokens,
        "priority": new.priority,
        "created_at": at,
        "updated_at": at,
    }
    insert_rows(connection, Task, [row])
    return Task.model_construct(**row)


def cancel(connection: Connection, workspace_id: str, task_id: str) -> tuple[Task, bool]:
    """Ends a task that is not running, asks a running one to stop. Gives the task, and whether to send a wake-up.

    Raises `NotFound`, and `IllegalMove` for a task that has ended otherwise; cancelling twice is no error.
    """
    task = tasks.get(connection, workspace_id, task_id)
    if task.status == TaskStatus.CANCELLED:
        return task, False
    attention = call_attention(connection, workspace_id, task.session_id, count=0)
    task = tasks.get(connection, workspace_id, task_id)
    if task.status == TaskStatus.WAITING:
        abandon.open_calls(connection, task, "the task was cancelled")
    idle = [TaskStatus.QUEUED, TaskStatus.WAITING]
    if tasks.move(connection, task_id, TaskStatus.CANCELLED, sources=idle, stop_reason="cancelled"):
        draft = Draft(event_types.TASK_CANCELLED, {"stop_reason": "cancelled"}, task_id)
    elif tasks.request_stop(connection, task_id, StopRequest.CANCEL) or _is_cancelled(connection, task):
        draft = Draft(event_types.TASK_STOP_REQUESTED, {"request": StopRequest.CANCEL}, task_id)
    else:
        raise IllegalMove(f"task {task_id} has already {tasks.get(connection, workspace_id, task_id).status}")
    place = reserve(connection, task.session_id, events=1)
    events.append(connection, workspace_id, task.session_id, place.event_seq, place.now, [draft])
    return tasks.get(connection, workspace_id, task_id), attention.wake


def interrupt(connection: Connection, workspace_id: str, session_id: str) -> tuple[Draft, bool]:
    """Stops what the session is doing: the task that runs, waits in the middle, or is next. The queue goes on.

    Gives the recorded event and whether to send a wake-up. Raises `NotFound` and `SessionClosed`.
    """
    attention = call_attention(connection, workspace_id, session_id, count=1)
    head = tasks.at_work(connection, session_id)
    if head is not None and head.wait_reason == WaitReason.SCHEDULED:
        head = None
    draft = Draft(event_types.USER_INTERRUPT, task_id=head.id if head else None)
    events.append(connection, workspace_id, session_id, attention.event_seq, attention.now, [draft])
    if head is not None and not tasks.request_stop(connection, head.id, StopRequest.INTERRUPT):
        _end_at_rest(connection, head)
    return draft, attention.wake


def retry(
    connection: Connection, workspace_id: str, task_id: str, raised: TaskLimits = NO_CHANGE, *, most_steps: int
) -> tuple[Task, bool]:
    """Queues a failed task again, in its old place, with `raised` limits; what it had finished stays finished.

    `most_steps`: the built-in agent's. Raises `IllegalMove`, and `InvalidRequest` where a limit would end it at once.
    """
    task = tasks.get(connection, workspace_id, task_id)
    attention = call_attention(connection, workspace_id, task.session_id, count=1)
    fresh = {"error": None, "stop_reason": None, "attempts": 0, "retry_since": None, "stop_request": None}
    legal = sources(TASK_MOVES, TaskStatus.QUEUED)
    if not tasks.move(connection, task_id, TaskStatus.QUEUED, sources=legal, **fresh, **raised.changes()):
        status = tasks.get(connection, workspace_id, task_id).status
        raise IllegalMove(f"task {task_id} is {status}; only a failed task can be retried")
    task_limits.check_retry(connection, tasks.get(connection, workspace_id, task_id), attention.now, most_steps)
    draft = Draft(event_types.TASK_QUEUED, {"retry": True}, task_id)
    events.append(connection, workspace_id, task.session_id, attention.event_seq, attention.now, [draft])
    return tasks.get(connection, workspace_id, task_id), attention.wake


def call_attention(connection: Connection, workspace_id: str, session_id: str, count: int) -> Attention:
    """Takes the session row, raises its inbox and reserves `count` events. Raises `NotFound` and `SessionClosed`."""
    values = {"session_id": session_id, "workspace": workspace_id, "events": count}
    row = connection.execute(CALL_ATTENTION, values).first()
    if row is None:
        raise why_closed(connection, workspace_id, session_id)
    return _attention(row)


def why_closed(connection: Connection, workspace_id: str, session_id: str) -> NotFound | SessionClosed:
    """The reason for which a session takes no task: the error to raise."""
    statement = select(col(Session.life), col(Session.archive_reason), col(Session.continued_by)).where(
        col(Session.id) == session_id, col(Session.workspace_id) == workspace_id, col(Session.life) != Life.DELETED
    )
    row = connection.execute(statement).first()
    if row is None:
        return NotFound(f"session {session_id} not found")
    if row.life in UNCLOSED:
        why = "has reached its maximum age; extend it with POST /v1/sessions/{id}/extend, or start a new session"
        return SessionClosed(f"session {session_id} {why}")
    reason = f" ({row.archive_reason})" if row.archive_reason else ""
    closed = f"session {session_id} is {row.life}{reason}"
    if row.continued_by is not None:
        return SessionClosed(
            f"{closed} and goes on as {row.continued_by}; send it there", continued_by=row.continued_by
        )
    ways = [origin.value for origin in Origin]
    how = 'resume it with POST /v1/sessions/{id}/resume and {"from": "summary"} or {"from": "full"}'
    return SessionClosed(f"{closed}; {how}, or start a new session", resume_from=ways)


def what_was_said(new: NewTask) -> list[Draft]:
    """Its `user.message`, and the `system.message` that goes with it."""
    note = [Draft(event_types.SYSTEM_MESSAGE, {"content": new.note}, new.id)] if new.note else []
    return [Draft(event_types.USER_MESSAGE, {"content": new.content}, new.id), *note]


def _end_at_rest(connection: Connection, head: Task) -> None:
    abandon.open_calls(connection, head, "the user interrupted")
    attention = call_attention(connection, head.workspace_id, head.session_id, count=1)
    at_rest = [TaskStatus.QUEUED, TaskStatus.WAITING]
    tasks.move(connection, head.id, TaskStatus.CANCELLED, sources=at_rest, stop_reason="interrupted")
    draft = Draft(event_types.TASK_CANCELLED, {"stop_reason": "interrupted"}, head.id)
    events.append(connection, head.workspace_id, head.session_id, attention.event_seq, attention.now, [draft])


def _is_cancelled(connection: Connection, task: Task) -> bool:
    """Whether somebody else was quicker: seen only under the session's lock."""
    return tasks.get(connection, task.workspace_id, task.id).status == TaskStatus.CANCELLED


def _attention(row: Row[Any]) -> Attention:
    return Attention(row.inbox, row.event_seq, row.now, wake=not row.unstirred and row.wakes == 1)
