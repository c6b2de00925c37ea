"""What an owner writes: each verb is one transaction's worth, its first statement guarded by the lease's token.

A verb that ends a turn also lets go of the session when nothing is left to do (under the row lock nothing slips in),
and with `go_on` begins the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam

from overnight import event_types, expiry
from overnight.errors import LeaseLost
from overnight.expiry import Limits
from overnight.models import Session, Task
from overnight.states import StopRequest, TaskStatus, WaitReason
from overnight.store import calls, events, leases, ledger, tasks, turn_events
from overnight.store.calls import Call
from overnight.store.events import Draft
from overnight.store.leases import GUARDED, Lease, Stamp
from overnight.store.prepared import Prepared

#: The guard of a turn's end: it also moves the ledger on and adds up what was used.
ENDING = GUARDED.values(
    ledger_seq=Session.ledger_seq + bindparam("messages"),
    **{name: getattr(Session, name) + bindparam(f"add_{name}") for name in calls.COUNTED},
)
GUARD_END = Prepared(ENDING)
GUARD_SHORTEN = Prepared(ENDING.values(context_from=bindparam("begin_after"), context_cut=Session.ledger_seq))


@dataclass(frozen=True, slots=True)
class Turn:
    """A task in the hands of its owner: `span` is the event of the request under way."""

    lease: Lease
    task: Task
    span: Draft
    limits: Limits


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


@dataclass(frozen=True, slots=True)
class Pause:
    """Why a task waits, for how many seconds, and the error ({type, message, …}) that made it."""

    reason: WaitReason
    delay: float
    error: dict[str, Any]


def begin(connection: Connection, lease: Lease, task: Task, limits: Limits) -> Turn:
    """A step starts. A task that was running already has lost its worker and goes on."""
    resumed = task.status == TaskStatus.RUNNING
    span = turn_events.request_start(lease.model, task)
    drafts = [span] if resumed else [Draft(event_types.SESSION_RUNNING, task_id=task.id), span]
    stamp = leases.guard(connection, lease, events=len(drafts))
    if not resumed:
        _start(connection, task, stamp)
    _record(connection, lease, stamp, drafts)
    return Turn(replace(lease, now=stamp.now), task, span, limits)


def succeed(connection: Connection, turn: Turn, reply: Reply, *, go_on: bool = False) -> Following:
    """The turn is done: prompt and reply enter the ledger together."""
    task, call = turn.task, reply.call
    ended = Draft(event_types.TASK_SUCCEEDED, {"stop_reason": reply.stop_reason}, task.id)
    drafts = [
        *turn_events.spoken(reply.content, task.id, reply.event_id),
        turn_events.request_end(turn.span, call),
        ended,
    ]
    stamp = _end_turn(connection, turn, call, messages=2, events=len(drafts) + 1)
    if stamp.ledger_seq != turn.lease.ledger_seq + 2:
        raise LeaseLost(task.session_id)  # an earlier try, whose answer the network lost, has written it
    ledger.append(connection, task.workspace_id, task.session_id, stamp.ledger_seq, stamp.now, _exchange(task, reply))
    done = {"output": reply.text, "stop_reason": reply.stop_reason, "steps": task.steps + 1, "error": None}
    _move(connection, task, TaskStatus.SUCCEEDED, [TaskStatus.RUNNING], **done, **calls.totals(task, call))
    return _finish(connection, turn, stamp, drafts, "end_turn", go_on)


def fail(
    connection: Connection, turn: Turn, error: dict[str, Any], call: Call | None, *, go_on: bool = False
) -> Following:
    """The turn ends in `error` ({type, message, …}) and leaves nothing in the ledger."""
    task = turn.task
    refused = error["type"] == "refusal"
    drafts = [
        turn_events.failure(error, task.id, "exhausted"),
        turn_events.request_end(turn.span, call),
        Draft(event_types.TASK_FAILED, {"error": error}, task.id),
    ]
    stamp = _end_turn(connection, turn, call, messages=0, events=len(drafts) + 1)
    failed = {"error": error, "stop_reason": "refusal" if refused else "error"}
    _move(connection, task, TaskStatus.FAILED, [TaskStatus.RUNNING], **failed, **calls.totals(task, call))
    return _finish(connection, turn, stamp, drafts, "refusal" if refused else "retries_exhausted", go_on)


def stop(
    connection: Connection, turn: Turn, request: StopRequest, call: Call | None, *, go_on: bool = False
) -> Following:
    """Carries out a cancel or an interrupt: the half reply is dropped."""
    task = turn.task
    reason = "cancelled" if request is StopRequest.CANCEL else "interrupted"
    drafts = [
        turn_events.request_end(turn.span, call),
        Draft(event_types.TASK_CANCELLED, {"stop_reason": reason}, task.id),
    ]
    stamp = _end_turn(connection, turn, call, messages=0, events=len(drafts) + 1)
    _move(connection, task, TaskStatus.CANCELLED, [TaskStatus.RUNNING], stop_reason=reason, **calls.totals(task, call))
    return _finish(connection, turn, stamp, drafts, "end_turn", go_on)


def park(connection: Connection, turn: Turn, pause: Pause, call: Call | None) -> None:
    """The step failed for now: the task waits as a row, and the session is let go until it is due."""
    task = turn.task
    drafts = [
        turn_events.failure(pause.error, task.id, "retrying"),
        turn_events.request_end(turn.span, call),
        Draft(event_types.SESSION_RESCHEDULED, task_id=task.id),
    ]
    stamp = _end_turn(connection, turn, call, messages=0, events=len(drafts))
    # The inbox has moved on: this task may have been asked to stop, or an earlier one be queued again.
    first = task if stamp.inbox == task.seq else tasks.head(connection, task.session_id) or task
    due = stamp.now + timedelta(seconds=pause.delay if first.stop_request is None else 0.0)
    waiting = {"wait_reason": pause.reason, "due_at": due, "error": pause.error, "attempts": task.attempts + 1}
    since = {"retry_since": task.retry_since or stamp.now}
    _move(connection, task, TaskStatus.WAITING, [TaskStatus.RUNNING], **waiting, **since, **calls.totals(task, call))
    _record(connection, turn.lease, stamp, drafts)
    leases.let_go(connection, turn.lease, due if first.id == task.id else stamp.now)


def shorten(connection: Connection, turn: Turn, context_from: int, call: Call | None) -> tuple[Lease, Task | None]:
    """From now on the ledger is sent from after `context_from`; gives the lease and the task as they are then."""
    compacted = Draft(event_types.CONTEXT_COMPACTED, {"context_from": context_from}, turn.task.id)
    drafts = [turn_events.request_end(turn.span, call), compacted]
    stamp = _end_turn(
        connection, turn, call, messages=0, events=len(drafts), statement=GUARD_SHORTEN, begin_after=context_from
    )
    calls.add_up(connection, turn.task, call)
    _record(connection, turn.lease, stamp, drafts)
    lease = replace(turn.lease, context_from=context_from, context_cut=stamp.ledger_seq)
    return lease, tasks.head(connection, lease.session_id)


def spend(connection: Connection, lease: Lease, task: Task | None, call: Call) -> None:
    """A reply is dropped and its turn is not over: it was paid for all the same."""
    stamp = leases.guard(connection, lease, 0, GUARD_END, messages=0, **calls.added(call))
    calls.record(connection, lease, stamp, task.id if task else None, replace(call, outcome="discarded"))
    if task is not None:
        calls.add_up(connection, task, call)


def hand_back(connection: Connection, lease: Lease, grace: float) -> None:
    """Lets go with work left; the caller sends the wake-up, the sweep looks again after `grace` seconds."""
    stamp = leases.guard(connection, lease, events=0)
    leases.let_go(connection, lease, stamp.now + timedelta(seconds=grace), woken=True)


def rest(connection: Connection, lease: Lease, limits: Limits) -> Task | None:
    """Nothing was due: lets go until something is. Gives the task that has become due meanwhile instead, if one has."""
    stamp = leases.guard(connection, lease, events=0)
    head = tasks.head(connection, lease.session_id)
    if head is not None and is_due(head, stamp.now):
        return head
    if head is not None:
        leases.let_go(connection, lease, head.due_at)
        return None
    if lease.idle_since is None:  # its last task was cancelled while it waited: nobody has said so yet
        stamp = leases.guard(connection, lease, events=1)
        _record(connection, lease, stamp, [Draft(event_types.SESSION_IDLE, {"stop_reason": {"type": "end_turn"}})])
    idle_since = lease.idle_since or stamp.now
    verdict = expiry.judge(
        limits, created_at=lease.created_at, idle_since=idle_since, notified_at=lease.notified_at, now=stamp.now
    )
    wake = verdict.until if isinstance(verdict, expiry.Keep) else stamp.now
    leases.let_go(connection, lease, wake, idle_since=idle_since, notified_at=lease.notified_at)
    return None


def is_due(task: Task, at: datetime) -> bool:
    """Whether a worker may work on the task now: waiting ones only after their due time."""
    return task.status != TaskStatus.WAITING or (task.due_at is not None and task.due_at <= at)


def _end_turn(
    connection: Connection,
    turn: Turn,
    call: Call | None,
    *,
    messages: int,
    events: int,
    statement: Prepared = GUARD_END,
    **values: Any,
) -> Stamp:
    stamp = leases.guard(connection, turn.lease, events, statement, messages=messages, **calls.added(call), **values)
    if call is not None:
        calls.record(connection, turn.lease, stamp, turn.task.id, call)
    return stamp


def _finish(
    connection: Connection, turn: Turn, stamp: Stamp, drafts: list[Draft], stop_reason: str, go_on: bool
) -> Following:
    lease, task = turn.lease, turn.task
    # The inbox still at this task's number: nothing was submitted or changed since, so nothing is left.
    following = None if stamp.inbox == task.seq else tasks.head(connection, lease.session_id)
    if following is None:
        drafts.append(Draft(event_types.SESSION_IDLE, {"stop_reason": {"type": stop_reason}}, task.id))
        wake = expiry.next_look(turn.limits, created_at=lease.created_at, now=stamp.now)
        leases.let_go(connection, lease, wake, idle_since=stamp.now)
    elif go_on and is_due(following, stamp.now):
        _start(connection, following, stamp)
        lease = replace(lease, ledger_seq=stamp.ledger_seq, now=stamp.now)
        turn = Turn(lease, following, turn_events.request_start(lease.model, following), turn.limits)
        drafts.append(turn.span)
    _record(connection, lease, stamp, drafts)
    return turn if turn.task is following else following


def _start(connection: Connection, task: Task, stamp: Stamp) -> None:
    started = task.started_at or stamp.now
    _move(connection, task, TaskStatus.RUNNING, [TaskStatus.QUEUED, TaskStatus.WAITING], started_at=started)


def _move(connection: Connection, task: Task, target: TaskStatus, legal: list[TaskStatus], **changes: Any) -> None:
    if not tasks.move(connection, task.id, target, sources=legal, **changes):
        raise LeaseLost(task.session_id)


def _record(connection: Connection, lease: Lease, stamp: Stamp, drafts: Sequence[Draft]) -> None:
    events.append(connection, lease.workspace_id, lease.session_id, stamp.event_seq, stamp.now, drafts)


def _exchange(task: Task, reply: Reply) -> list[dict[str, Any]]:
    answer = {
        "role": "assistant",
        "content": reply.content,
        "model": reply.call.model,
        "message_id": reply.call.message_id,
        "stop_reason": reply.stop_reason,
    }
    return [{"task_id": task.id, "role": "user", "content": task.content}, {"task_id": task.id, **answer}]
