"""A task in the hands of its owner, and the writes that all verbs of an owner are made of."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam
from sqlmodel import col

from overnight.errors import LeaseLost
from overnight.expiry import Limits, Standing
from overnight.models import Session, Task
from overnight.states import TaskStatus, WaitReason
from overnight.store import calls, leases, nearing, tasks
from overnight.store import events as record_of
from overnight.store.calls import Call
from overnight.store.events import Draft
from overnight.store.leases import GUARDED, Lease, Stamp
from overnight.store.prepared import Prepared

#: What somebody says in the ledger: role and content.
Said = tuple[str, list[dict[str, Any]]]

#: The guard of a turn's end: it also moves the ledger on and adds up what was used.
ENDING = GUARDED.values(
    ledger_seq=Session.ledger_seq + bindparam("messages"),
    **{name: getattr(Session, name) + bindparam(f"add_{name}") for name in calls.COUNTED},
).returning(
    *(getattr(Session, name) for name in calls.COUNTED), col(Session.budget_nanousd), col(Session.budget_tokens)
)
GUARD_END = Prepared(ENDING)
#: Also when a reply is kept: how full the context is then.
GUARD_ANSWER = Prepared(ENDING.values(context_tokens=bindparam("filled")))
#: Also when a context begins.
GUARD_CUT = Prepared(
    ENDING.values(
        context=Session.context + 1,
        context_from=bindparam("begin_after"),
        context_cut=Session.ledger_seq,
        context_tokens=0,
    ).returning(col(Session.context))
)


@dataclass(frozen=True, slots=True)
class Turn:
    """A task in the hands of its owner: `span` is the event of the request under way, if there is one."""

    lease: Lease
    task: Task
    span: Draft | None
    limits: Limits
    notice: list[dict[str, Any]] = field(default_factory=list)  # what Overnight says before the prompt

    @property
    def prompt(self) -> list[dict[str, Any]]:
        """What the user says now; nothing in a turn under way."""
        return [] if self.is_under_way else [*self.notice, *self.task.content]

    @property
    def is_under_way(self) -> bool:
        """The ledger ends with what this task said last: its prompt is there, and nobody spoke since."""
        return self.task.ledger_end is not None and self.task.ledger_end == self.lease.ledger_seq

    @property
    def spoken(self) -> list[Said]:
        """What enters the ledger before the reply, as (role, content): the prompt and its note, once."""
        if self.is_under_way:
            return []
        prompt: Said = ("user", self.prompt)
        return [prompt, ("system", self.task.note)] if self.task.note else [prompt]


#: After a turn: the next one, begun; the next task, not begun; or None, having let go of the session.
Following = Turn | Task | None


@dataclass(frozen=True, slots=True)
class Reply:
    """Claude's answer, its content verbatim, and the call that it cost."""

    content: list[dict[str, Any]]
    stop_reason: str
    text: str
    call: Call
    event_id: str  # of the `agent.message`, known beforehand to those who listened live
    told: Sequence[Draft] = ()  # what else there is to tell of it

    @property
    def filled(self) -> int:
        """Tokens of the context after it."""
        return self.call.tokens.total


@dataclass(frozen=True, slots=True)
class Pause:
    """Why a task waits, for how many seconds, and the error ({type, message, …}) that made it."""

    reason: WaitReason
    delay: float
    error: dict[str, Any]


def is_due(task: Task, at: datetime) -> bool:
    """Whether a worker may work on the task now: waiting ones only after their due time."""
    return task.status != TaskStatus.WAITING or (task.due_at is not None and task.due_at <= at)


def end_turn(
    connection: Connection,
    turn: Turn,
    call: Call | None,
    *,
    messages: int,
    events: int,
    statement: Prepared = GUARD_END,
    **values: Any,
) -> Stamp:
    """`events` places are reserved for the caller, behind those for what is told of the session's length."""
    places = events + turn.limits.lengths
    stamp = leases.guard(connection, turn.lease, places, statement, messages=messages, **calls.added(call), **values)
    if call is not None:
        calls.record(connection, turn.lease, stamp.now, turn.task, call)
    if turn.limits.lengths:
        length = Standing(stamp.ledger_seq, stamp.tokens)
        drafts = nearing.told(turn.limits, length, messages=messages, call=call)
        record(connection, turn.lease, replace(stamp, event_seq=stamp.event_seq - events), drafts)
    return stamp


def start(connection: Connection, task: Task, stamp: Stamp) -> Task:
    """The task as it is when it runs."""
    changes: dict[str, Any] = {"started_at": task.started_at or stamp.now}
    if task.wait_reason == WaitReason.WORKER:
        changes["attempts"] = 0  # of workers; those of Claude are counted from here
    move(connection, task, TaskStatus.RUNNING, [TaskStatus.QUEUED, TaskStatus.WAITING], **changes)
    running = {"status": TaskStatus.RUNNING, "wait_reason": None, "due_at": None}
    return task.model_copy(update={**running, **changes})


def move(connection: Connection, task: Task, target: TaskStatus, legal: list[TaskStatus], **changes: Any) -> None:
    if not tasks.move(connection, task.id, target, sources=legal, **changes):
        raise LeaseLost(task.session_id)


def keep(connection: Connection, task: Task, **changes: Any) -> Task:
    """The task as it is with `changes`; it stays in its state. Raises `LeaseLost` when it has left that meanwhile."""
    kept = tasks.keep(connection, task, **changes)
    if kept is None:
        raise LeaseLost(task.session_id)
    return kept


def record(connection: Connection, lease: Lease, stamp: Stamp, drafts: Sequence[Draft]) -> None:
    record_of.append(connection, lease.workspace_id, lease.session_id, stamp.event_seq, stamp.now, drafts)
