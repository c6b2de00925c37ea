"""How a turn goes: each verb is one transaction's worth, its first statement guarded by the lease's token.

A verb that ends a turn also lets go of the session when nothing is left to do (under the row lock nothing slips in),
and with `chain` begins the next one.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from overnight import event_types, expiry
from overnight.errors import LeaseLost, SessionPaused
from overnight.expiry import Limits
from overnight.models import Task, ToolCall
from overnight.states import StopRequest, TaskStatus
from overnight.store import abandon, call_events, calls, leases, ledger, nearing, tasks, tool_calls, turn_events
from overnight.store.calls import Call
from overnight.store.events import Draft
from overnight.store.leases import Lease, Stamp
from overnight.store.turn import GUARD_ANSWER, Following, Reply, Turn, end_turn, is_due, keep, move, record, start

#: Places for what a turn's end tells last: usage and idleness, or the next request's start.
LAST_WORDS = 2


def begin(connection: Connection, lease: Lease, task: Task, limits: Limits) -> Turn:
    """A step starts. A task that was running already has lost its worker and goes on.

    Raises `LeaseLost`, and `SessionPaused` where none may begin.
    """
    resumed = task.status == TaskStatus.RUNNING
    span = turn_events.request_start(lease.model, task)
    drafts = [span] if resumed else [Draft(event_types.SESSION_RUNNING, task_id=task.id), span]
    stamp = leases.guard(connection, lease, events=len(drafts))
    if stamp.is_paused:
        raise SessionPaused(lease.session_id)
    if not resumed:
        task = start(connection, task, stamp)
    record(connection, lease, stamp, drafts)
    return Turn(replace(lease, now=stamp.now), task, span, limits)


def go_on(connection: Connection, turn: Turn, reply: Reply, asked: Sequence[ToolCall]) -> Turn:
    """The reply is a step on the way: Claude asked for tools, or paused. Gives the turn as it stands now."""
    task, call = turn.task, reply.call
    drafts = [
        *turn_events.spoken(reply.content, task.id, reply.event_id),
        *(call_events.use(one) for one in asked),
        *turn_events.request_end(turn.span, call),
        *reply.told,
    ]
    stamp = _answer(connection, turn, reply, events=len(drafts))
    if asked:
        placed = [one.model_copy(update={"message_seq": stamp.ledger_seq}) for one in asked]
        tool_calls.insert(connection, stamp.now, placed)
    fresh = {"attempts": 0, "retry_since": None, "error": None, "open_calls": len(asked)}
    end = {"steps": task.steps + 1, "ledger_end": stamp.ledger_seq}
    kept = keep(connection, task, **fresh, **end, **calls.totals(task, call))
    record(connection, turn.lease, stamp, drafts)
    lease = replace(turn.lease, ledger_seq=stamp.ledger_seq, now=stamp.now, context_tokens=reply.filled)
    return replace(turn, lease=lease, task=kept, span=None, notice=[])


def succeed(connection: Connection, turn: Turn, reply: Reply, *, chain: bool = False) -> Following:
    """The turn is done. Prompt and first reply enter the ledger together."""
    task, call = turn.task, reply.call
    drafts = [
        *turn_events.spoken(reply.content, task.id, reply.event_id),
        *turn_events.request_end(turn.span, call),
        *reply.told,
        Draft(event_types.TASK_SUCCEEDED, {"stop_reason": reply.stop_reason}, task.id),
    ]
    stamp = _answer(connection, turn, reply, events=len(drafts) + LAST_WORDS)
    done = {"output": reply.text, "stop_reason": reply.stop_reason, "steps": task.steps + 1, "error": None}
    end = {"ledger_end": stamp.ledger_seq}
    move(connection, task, TaskStatus.SUCCEEDED, [TaskStatus.RUNNING], **done, **end, **calls.totals(task, call))
    turn = replace(turn, lease=replace(turn.lease, context_tokens=reply.filled))
    return _finish(connection, turn, stamp, drafts, turn_events.idle("end_turn", task), chain)


def fail(
    connection: Connection, turn: Turn, error: dict[str, Any], call: Call | None, *, chain: bool = False
) -> Following:
    """The turn ends in `error` ({type, message, …}); the step at hand leaves nothing in the ledger."""
    turn = _without_open_calls(connection, turn, "the task failed")
    task = turn.task
    refused = error["type"] == "refusal"
    drafts = [
        turn_events.failure(error, task.id, "exhausted"),
        *turn_events.request_end(turn.span, call),
        Draft(event_types.TASK_FAILED, {"error": error}, task.id),
    ]
    stamp = end_turn(connection, turn, call, messages=0, events=len(drafts) + LAST_WORDS)
    failed = {"error": error, "stop_reason": "refusal" if refused else "error"}
    move(connection, task, TaskStatus.FAILED, [TaskStatus.RUNNING], **failed, **calls.totals(task, call))
    return _finish(connection, turn, stamp, drafts, turn_events.failed(error, task), chain)


def give_up(connection: Connection, turn: Turn, error: dict[str, Any]) -> Following:
    """The task fails before its next step begins."""
    return fail(connection, _taken_up(connection, turn), error, None)


def stop(
    connection: Connection, turn: Turn, request: StopRequest, call: Call | None, *, chain: bool = False
) -> Following:
    """Carries out a cancel or an interrupt: the half reply is dropped."""
    cancelled = request is StopRequest.CANCEL
    turn = _taken_up(connection, turn)
    turn = _without_open_calls(connection, turn, "the task was cancelled" if cancelled else "the user interrupted")
    task, reason = turn.task, "cancelled" if cancelled else "interrupted"
    drafts = [
        *turn_events.request_end(turn.span, call),
        Draft(event_types.TASK_CANCELLED, {"stop_reason": reason}, task.id),
    ]
    stamp = end_turn(connection, turn, call, messages=0, events=len(drafts) + LAST_WORDS)
    move(connection, task, TaskStatus.CANCELLED, [TaskStatus.RUNNING], stop_reason=reason, **calls.totals(task, call))
    return _finish(connection, turn, stamp, drafts, turn_events.idle("end_turn", task), chain)


def _finish(
    connection: Connection, turn: Turn, stamp: Stamp, drafts: list[Draft], idle: Draft, chain: bool
) -> Following:
    lease, task = turn.lease, turn.task
    # The inbox still at this task's number: nothing was submitted or changed since, so nothing is left.
    following = None if stamp.inbox == task.seq else tasks.head(connection, lease.session_id)
    if following is None:
        drafts += [turn_events.usage(stamp, task), idle]
        standing = lease.standing(stamp.ledger_seq, stamp.tokens)
        wake = expiry.next_look(turn.limits, created_at=lease.created_at, now=stamp.now, standing=standing)
        leases.let_go(connection, lease, wake, idle_since=stamp.now)
    elif chain and not stamp.is_paused and is_due(following, stamp.now) and _may_chain(lease, task, following):
        begun = start(connection, following, stamp)
        span = turn_events.request_start(lease.model, following)
        record(connection, lease, stamp, [*drafts, span])
        return Turn(replace(lease, ledger_seq=stamp.ledger_seq, now=stamp.now), begun, span, turn.limits)
    record(connection, lease, stamp, drafts)
    return following


def _may_chain(lease: Lease, task: Task, following: Task) -> bool:
    return is_plain(following) and not lease.has_budget and task.agent_id is None


def is_plain(task: Task) -> bool:
    """It may begin unseen: nothing of it is done, nobody wants it stopped, no limit can have been reached, and it is
    the session's own agent's."""
    untouched = task.steps == 0 and task.stop_request is None
    return untouched and task.deadline is None and is_unlimited(task) and task.agent_id is None


def is_unlimited(task: Task) -> bool:
    """It may cost what it will, for itself."""
    return task.budget_nanousd is None and task.budget_tokens is None


def _taken_up(connection: Connection, turn: Turn) -> Turn:
    """Only what runs comes to an end: what waits is taken up first."""
    if turn.task.status == TaskStatus.RUNNING:
        return turn
    stamp = leases.guard(connection, turn.lease, events=0)
    return replace(turn, task=start(connection, turn.task, stamp))


def _without_open_calls(connection: Connection, turn: Turn, why: str) -> Turn:
    """The step is answered, as whatever comes next in the ledger must follow its results."""
    if not turn.task.open_calls:
        return turn
    leases.guard(connection, turn.lease, events=0)
    before, task = turn.lease.ledger_seq, abandon.open_calls(connection, turn.task, why)
    assert task.ledger_end is not None
    nearing.tell(connection, turn.lease, turn.limits, task.ledger_end, added=task.ledger_end - before)
    return replace(turn, lease=replace(turn.lease, ledger_seq=task.ledger_end), task=task)


def _answer(connection: Connection, turn: Turn, reply: Reply, *, events: int) -> Stamp:
    """Writes the reply into the ledger, before the first one also the prompt."""
    rows = _exchange(turn, reply)
    stamp = end_turn(
        connection,
        turn,
        reply.call,
        messages=len(rows),
        events=events,
        statement=GUARD_ANSWER,
        filled=reply.filled,
    )
    if stamp.ledger_seq != turn.lease.ledger_seq + len(rows):
        raise LeaseLost(turn.lease.session_id)  # an earlier try, whose answer the network lost, has written it
    lease = turn.lease
    ledger.append(connection, lease.workspace_id, lease.session_id, stamp.ledger_seq, stamp.now, rows)
    return stamp


def _exchange(turn: Turn, reply: Reply) -> list[dict[str, Any]]:
    task = turn.task
    answer: dict[str, Any] = {
        "role": "assistant",
        "content": reply.content,
        "model": reply.call.model,
        "message_id": reply.call.message_id,
        "stop_reason": reply.stop_reason,
        "context": turn.lease.context,
    }
    before = [{"role": role, "content": content} for role, content in turn.spoken]
    return [{**ledger.by(task), **message} for message in (*before, answer)]
