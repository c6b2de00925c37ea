"""What an owner writes about a step's tool calls: intent before, result after, all results together into the ledger."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from overnight import event_types
from overnight.errors import LeaseLost, SessionPaused
from overnight.models import Task, ToolCall
from overnight.states import CallStatus, TaskStatus, WaitReason
from overnight.store import call_events, leases, nearing, pauses, tool_calls, turn_events, work
from overnight.store.delivery import deliver
from overnight.store.events import Draft
from overnight.store.tool_calls import Move, Outcome
from overnight.store.turn import Said, Turn, keep, record, start
from overnight.tools.own import Progress

RUNNABLE = frozenset({CallStatus.REQUESTED, CallStatus.ALLOWED, CallStatus.RUNNING})


def carry_out(
    connection: Connection, turn: Turn, moves: Sequence[Move], progress: Progress | None
) -> tuple[Turn, set[str]]:
    """Makes `moves`; an intent is committed here, before its call. Gives the turn, and the ids of the calls to run now.

    A call that somebody has answered meanwhile stays as it is. Raises `SessionPaused` where none may begin.
    """
    lease, task = turn.lease, turn.task
    starts = task.status != TaskStatus.RUNNING
    results = sum(move.outcome is not None for move in moves)
    stamp = leases.guard(connection, lease, events=starts + results + (progress is not None))
    if stamp.is_paused:
        raise SessionPaused(lease.session_id)
    made = [move for move in moves if tool_calls.make(connection, move)]
    if any(is_handed_out(move) for move in made):
        work.queue(connection, lease.workspace_id, lease.session_id, lease.environment_id)
    drafts = [call_events.result(move.call, move.outcome) for move in made if move.outcome]
    if starts:
        task = start(connection, task, stamp)
        drafts.insert(0, Draft(event_types.SESSION_RUNNING, task_id=task.id))
    if progress is not None:
        drafts.append(_show(connection, task, progress))
    record(connection, lease, stamp, drafts)
    turn = replace(turn, lease=replace(lease, now=stamp.now), task=task)
    return turn, {move.call.id for move in made if move.target is CallStatus.RUNNING}


def is_handed_out(move: Move) -> bool:
    """From now on the environment's workers have the call."""
    return move.target is CallStatus.AWAITED and call_events.is_for_environment(move.call)


def finish(connection: Connection, turn: Turn, call: ToolCall, outcome: Outcome) -> None:
    """Stores the result of a call that ran. Raises `LeaseLost`."""
    stamp = leases.guard(connection, turn.lease, events=1)
    if not tool_calls.make(connection, Move(call, CallStatus.DONE, outcome)):
        raise LeaseLost(turn.lease.session_id)  # an earlier try, whose answer the network lost, has written it
    record(connection, turn.lease, stamp, [call_events.result(call, outcome)])


def report(connection: Connection, turn: Turn, note: str, fraction: float | None) -> None:
    """Shows how far the task is. Raises `LeaseLost`, also when the task has ended."""
    stamp = leases.guard(connection, turn.lease, events=1)
    record(connection, turn.lease, stamp, [_show(connection, turn.task, Progress(note, fraction))])


def settle(connection: Connection, turn: Turn, missing: Collection[str]) -> tuple[Turn, list[Said]] | None:
    """What follows when nothing runs any more: None having let go, to wait for somebody; else the turn, and what
    has entered the ledger. Without these, somebody has answered meanwhile: look again.

    `missing` are the ids of calls that this worker cannot run.
    """
    lease, task = turn.lease, turn.task
    stamp = leases.guard(connection, lease, events=0)
    if stamp.ledger_seq != lease.ledger_seq:
        raise LeaseLost(lease.session_id)  # an earlier try, whose answer the network lost, has written the results
    calls = tool_calls.of_step(connection, lease.session_id, _step(task))
    left = [call for call in calls if call.status != CallStatus.DONE]
    if not left:
        task, place, said = deliver(connection, task, calls)
        nearing.tell(connection, lease, turn.limits, place.ledger_seq, added=len(said))
        lease = replace(lease, ledger_seq=place.ledger_seq, now=place.now)
        return replace(turn, lease=lease, task=task), said
    if any(_can_run(call, stamp.now) and call.id not in missing for call in left):
        return replace(turn, lease=replace(lease, now=stamp.now)), []
    _wait(connection, turn, left)
    return None


def _show(connection: Connection, task: Task, progress: Progress) -> Draft:
    said = {"note": progress.note, "fraction": progress.fraction}
    keep(connection, task, progress=said)  # unless the task has ended, and only its tool does not know
    return Draft(event_types.TASK_PROGRESS, said, task.id)


def _wait(connection: Connection, turn: Turn, left: Sequence[ToolCall]) -> None:
    reason = _reason(left)
    if reason is WaitReason.WORKER:
        lacking = ", ".join(sorted({call.name for call in left if call.status in RUNNABLE}))
        error = {"type": "tools_unavailable", "message": f"no worker that has come by so far serves {lacking}"}
        pauses.wait_for_worker(connection, turn, error)
        return
    told = Draft(event_types.SESSION_RESCHEDULED, task_id=turn.task.id)
    if reason in {WaitReason.APPROVAL, WaitReason.TOOL_RESULT}:
        told = turn_events.requires_action(turn.task, [call.id for call in left if call_events.is_for_somebody(call)])
    pauses.wait(connection, turn, reason, _delay(left, turn.lease.now), [told])


def _reason(left: Sequence[ToolCall]) -> WaitReason:
    if any(call.status == CallStatus.ASKED for call in left):
        return WaitReason.APPROVAL
    if any(call.status in RUNNABLE for call in left):
        return WaitReason.WORKER
    return WaitReason.TOOL_RESULT if any(call.due_at is None for call in left) else WaitReason.TIMER


def _delay(left: Sequence[ToolCall], now: datetime) -> float | None:
    """Seconds until the first due time."""
    times = [call.due_at for call in left if call.due_at is not None]
    return max((min(times) - now).total_seconds(), 0.0) if times else None


def _can_run(call: ToolCall, at: datetime) -> bool:
    return call.status in RUNNABLE or (call.due_at is not None and call.due_at <= at)


def _step(task: Task) -> int:
    assert task.ledger_end is not None
    return task.ledger_end
