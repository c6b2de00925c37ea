"""How an owner lets go of a session before its turn is over: to wait, to hand it on, to rest. Guarded like turns."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update
from sqlmodel import col

from overnight import event_types, expiry
from overnight.expiry import Limits
from overnight.models import Session, Task
from overnight.states import Life, TaskStatus, WaitReason
from overnight.store import calls, leases, tasks, turn_events
from overnight.store.calls import Call
from overnight.store.clock import now
from overnight.store.events import Draft
from overnight.store.leases import Lease, Stamp
from overnight.store.turn import GUARD_END, Pause, Turn, end_turn, is_due, keep, move, record, start

#: Seconds after which another worker may try what this one cannot; doubled with each try.
WORKER_PAUSE = 2.0
LONGEST_WORKER_PAUSE = 60.0
#: Sessions woken when a worker comes; more are found when their pauses are over.
MOST_AT_ONCE = 10_000


def park(connection: Connection, turn: Turn, pause: Pause, call: Call | None) -> None:
    """The step failed for now: the task waits as a row, and the session is let go until it is due."""
    task = turn.task
    drafts = [
        turn_events.failure(pause.error, task.id, "retrying"),
        *turn_events.request_end(turn.span, call),
        Draft(event_types.SESSION_RESCHEDULED, task_id=task.id),
    ]
    stamp = end_turn(connection, turn, call, messages=0, events=len(drafts))
    due = stamp.now + timedelta(seconds=pause.delay)
    since = {"retry_since": task.retry_since or stamp.now, "attempts": task.attempts + 1, "error": pause.error}
    _wait(connection, turn, stamp, pause.reason, due, **since, **calls.totals(task, call))
    record(connection, turn.lease, stamp, drafts)


def wait(
    connection: Connection, turn: Turn, reason: WaitReason, delay: float | None, told: Sequence[Draft], **changes: Any
) -> None:
    """The task waits, at most `delay` seconds, and the session is let go. Going on to wait for a worker is silent."""
    drafts = [] if turn.task.wait_reason == reason == WaitReason.WORKER else told
    stamp = leases.guard(connection, turn.lease, events=len(drafts))
    due = None if delay is None else stamp.now + timedelta(seconds=delay)
    _wait(connection, turn, stamp, reason, due, **changes)
    record(connection, turn.lease, stamp, drafts)


def wait_for_worker(connection: Connection, turn: Turn, error: dict[str, Any]) -> None:
    """No worker that has come by can do it: another one may, sooner or later."""
    delay = min(WORKER_PAUSE * 2 ** min(turn.task.attempts, 8), LONGEST_WORKER_PAUSE)
    told = Draft(event_types.SESSION_RESCHEDULED, task_id=turn.task.id)
    wait(connection, turn, WaitReason.WORKER, delay, [told], error=error, attempts=turn.task.attempts + 1)


def wait_in_line(connection: Connection, turn: Turn, delay: float) -> None:
    """Claude's limits leave no room now: that is no failure, and told once."""
    told = Draft(event_types.SESSION_RESCHEDULED, task_id=turn.task.id)
    wait(connection, turn, WaitReason.RATE_LIMIT, delay, [] if turn.task.wait_reason else [told])


def _wait(
    connection: Connection, turn: Turn, stamp: Stamp, reason: WaitReason, due: datetime | None, **changes: Any
) -> None:
    task = turn.task
    # The inbox has moved on: this task may have been asked to stop, or an earlier one be queued again.
    first = task if stamp.inbox == task.seq else tasks.head(connection, task.session_id) or task
    if first.stop_request is not None:
        due = stamp.now
    due = _in_time(due, task.deadline)
    if task.status == TaskStatus.WAITING:
        keep(connection, task, wait_reason=reason, due_at=due, **changes)  # unless somebody ended it while we looked
    else:
        if task.status == TaskStatus.QUEUED:
            start(connection, task, stamp)
        move(connection, task, TaskStatus.WAITING, [TaskStatus.RUNNING], wait_reason=reason, due_at=due, **changes)
    leases.let_go(connection, turn.lease, due if first.id == task.id else stamp.now)


def _in_time(due: datetime | None, deadline: datetime | None) -> datetime | None:
    return min((at for at in (due, deadline) if at is not None), default=None)


def try_again_now(connection: Connection) -> int:
    """Wakes all that waits for a worker which can do it: one has come. Gives how many sessions.

    Their pauses begin anew, as a worker without the tool may take them first once more.
    """
    waiting = (col(Task.status) == TaskStatus.WAITING, col(Task.wait_reason) == WaitReason.WORKER)
    sessions = select(col(Task.session_id)).where(*waiting)
    free = (col(Session.id).in_(sessions), col(Session.life) == Life.ACTIVE, col(Session.lease_owner).is_(None))
    # The sessions first, as everybody takes them: whoever answers a call meanwhile must not be in each other's way.
    taken = select(col(Session.id)).where(*free).order_by(col(Session.id)).limit(MOST_AT_ONCE).with_for_update()
    ids = connection.execute(taken).scalars().all()
    connection.execute(update(Session).where(col(Session.id).in_(ids)).values(wake_at=now()))
    connection.execute(update(Task).where(col(Task.session_id).in_(ids), *waiting).values(due_at=now(), attempts=0))
    return len(ids)


def spend(connection: Connection, lease: Lease, task: Task | None, call: Call) -> None:
    """A reply is dropped and its turn is not over: it was paid for all the same."""
    stamp = leases.guard(connection, lease, 0, GUARD_END, messages=0, **calls.added(call))
    calls.record(connection, lease, stamp.now, task, replace(call, outcome="discarded"))
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
        record(connection, lease, stamp, [Draft(event_types.SESSION_IDLE, {"stop_reason": {"type": "end_turn"}})])
    idle_since = lease.idle_since or stamp.now
    verdict = expiry.judge(
        limits,
        created_at=lease.created_at,
        idle_since=idle_since,
        notified_at=lease.notified_at,
        now=stamp.now,
        standing=lease.standing(),
    )
    wake = verdict.until if isinstance(verdict, expiry.Keep) else stamp.now
    leases.let_go(connection, lease, wake, idle_since=idle_since, notified_at=lease.notified_at)
    return None
