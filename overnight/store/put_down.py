"""How an owner leaves a paused session: its task under way is put down as it stands, to be taken up again later."""

from dataclasses import replace

from sqlalchemy import Connection, or_, select
from sqlmodel import col

from overnight import event_types
from overnight.models import Task
from overnight.states import StopRequest, TaskStatus, WaitReason
from overnight.store import abandon, calls, events, leases, tasks, turn_events
from overnight.store.calls import Call
from overnight.store.events import Draft
from overnight.store.leases import Lease, Stamp
from overnight.store.places import reserve
from overnight.store.rows import every
from overnight.store.turn import GUARD_END, Turn, move

#: The task under way, and those that somebody wants ended.
UNDER_WAY = select(Task).where(
    tasks.IS_UNFINISHED, or_(col(Task.status) == TaskStatus.RUNNING, col(Task.stop_request).is_not(None))
)
WHY = {StopRequest.CANCEL: "cancelled", StopRequest.INTERRUPT: "interrupted"}


def put_down(connection: Connection, lease: Lease, turn: Turn | None = None, call: Call | None = None) -> bool:
    """Lets go until the session is resumed; False where it has been meanwhile: the caller sends a wake-up.

    `turn` is the one whose request was halted, and `call` what that has cost. Raises `LeaseLost`.
    """
    stamp = leases.guard(connection, lease, 0, GUARD_END, messages=0, **calls.added(call))
    if call is not None:
        _charge(connection, lease, stamp, turn, call)
    drafts = turn_events.request_end(turn.span, call) if turn else []
    if stamp.is_paused:
        mine = UNDER_WAY.where(col(Task.session_id) == lease.session_id).order_by(col(Task.seq))
        drafts += [_put_down(connection, task) for task in every(connection, Task, mine)]
        _rest(connection, lease, stamp, drafts)
    else:
        leases.let_go(connection, lease, stamp.now, woken=True)
    place = reserve(connection, lease.session_id, events=len(drafts))
    events.append(connection, lease.workspace_id, lease.session_id, place.event_seq, place.now, drafts)
    return stamp.is_paused


def _charge(connection: Connection, lease: Lease, stamp: Stamp, turn: Turn | None, call: Call) -> None:
    task = turn.task if turn else None
    calls.record(connection, lease, stamp.now, task, replace(call, outcome="discarded"))
    if task is not None:
        calls.add_up(connection, task, call)


def _put_down(connection: Connection, task: Task) -> Draft:
    """The task waits for the session to be resumed, unless somebody wants it ended; the event that tells of it."""
    if task.stop_request is None:
        move(connection, task, TaskStatus.WAITING, [TaskStatus.RUNNING], wait_reason=WaitReason.PAUSED)
        return Draft(event_types.SESSION_RESCHEDULED, task_id=task.id)
    reason = WHY[StopRequest(task.stop_request)]
    abandon.open_calls(connection, task, f"the task was {reason}")
    move(connection, task, TaskStatus.CANCELLED, [TaskStatus.RUNNING, TaskStatus.WAITING], stop_reason=reason)
    return Draft(event_types.TASK_CANCELLED, {"stop_reason": reason}, task.id)


def _rest(connection: Connection, lease: Lease, stamp: Stamp, drafts: list[Draft]) -> None:
    """Nobody looks at the session again before it is resumed; says that it is idle where nobody has yet."""
    if tasks.head(connection, lease.session_id) is not None:
        leases.let_go(connection, lease, None)
        return
    if lease.idle_since is None:
        drafts.append(Draft(event_types.SESSION_IDLE, {"stop_reason": {"type": "end_turn"}}))
    leases.let_go(connection, lease, None, idle_since=lease.idle_since or stamp.now)
