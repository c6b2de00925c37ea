"""One Celery message's worth of work: take the session, run its due steps while time is left, let go."""

import time
from datetime import timedelta

import structlog
from sqlalchemy import Connection

from overnight.errors import LeaseLost, SessionPaused, Unreadable
from overnight.history.context import Entry
from overnight.history.policy import Policy
from overnight.models import Task
from overnight.store import leases, lost_calls, pauses, tasks, turns
from overnight.store.leases import Lease
from overnight.store.submissions import WAKE_GRACE
from overnight.store.turn import Following, Turn, is_due
from worker.advance import Advance
from worker.cast import Cast
from worker.fitting import may_be_long
from worker.governor.asking import Grant
from worker.granting import at_once
from worker.held import Halt, Held
from worker.persist import persist
from worker.process import Process
from worker.putting_down import put_down
from worker.retire import retire

log = structlog.get_logger(__name__)


#: A session that cannot be read is looked at again after so long, seconds: its key may have been set.
UNREADABLE_PAUSE = 60.0


def run_slice(process: Process, session_id: str) -> None:
    """Advances one session. A stale, doubled or late wake-up finds it owned or with nothing due, and does nothing.

    One that cannot be read for want of a key stays as it is, tasks and all, for when the key is there.
    """
    try:
        _run(process, session_id)
    except Unreadable as error:
        log.error("contents_unreadable", session=session_id, error=error.message)


def _run(process: Process, session_id: str) -> None:
    ttl = process.settings.lease_ttl
    asked_at = time.monotonic()
    with process.database.write() as connection:
        lease = leases.acquire(connection, session_id, process.owner, ttl)
        if lease is None:
            return
        first, grant = _begin_at_once(connection, process, lease)
    with process.holdings.holding(lease, ttl, asked_at) as held:
        held.grant, held.limits = grant, process.limits_of(lease)
        cast = Cast(process, lease)
        try:
            _advance_or_put_down(process, held, cast, lease, first)
        except LeaseLost:
            log.warning("lease_lost", session=session_id, owner=process.owner)
            _leave(process, held)
        except Unreadable:
            _put_off(process, lease)
            raise
        finally:
            cast.close()
            if held.grant is not None:
                process.governor.put_back(held.grant)


def _advance_or_put_down(process: Process, held: Held, cast: Cast, lease: Lease, first: Following) -> None:
    try:
        if lease.is_paused:
            raise SessionPaused(lease.session_id)
        _advance(process, held, cast, lease, first)
    except SessionPaused:
        put_down(process, held, lease)
        _tell(process, lease.session_id)


def _begin_at_once(connection: Connection, process: Process, lease: Lease) -> tuple[Following, Grant | None]:
    """The first turn, begun in the transaction that takes the session if there is one to do, and granted."""
    task = tasks.head(connection, lease.session_id)
    if task is None or lease.is_paused or process.draining.is_set() or not _may_begin_at_once(process, lease, task):
        return task, None
    if (grant := at_once(process, lease, task)) is None:
        return task, None
    return turns.begin(connection, lease, task, process.limits_of(lease)), grant


def _may_begin_at_once(process: Process, lease: Lease, task: Task) -> bool:
    """What has tools or limits to look at is taken up in steps of its own."""
    return (
        turns.is_plain(task)
        and is_due(task, lease.now)
        and not lease.has_budget
        and process.agents.is_without_tools(lease)
        and not may_be_long(Turn(lease, task, None, process.limits), Policy(), lease.ledger_seq - lease.context_from)
    )


def _advance(process: Process, held: Held, cast: Cast, lease: Lease, following: Following) -> None:
    ends = time.monotonic() + process.settings.slice_seconds
    history: list[Entry] | None = None

    def may_go_on() -> bool:
        return not process.draining.is_set() and time.monotonic() <= ends

    while True:
        task = following.task if isinstance(following, Turn) else _due(process, held, lease, following)
        if task is None:
            return _tell(process, lease.session_id)
        held.turn_to(task.id)
        before, lease = lease.reader, process.agents.at_turn(lease, cast.own, task)
        history = history if lease.reader == before else None
        advance = Advance(process, held, cast.equipment(lease), may_go_on)
        if isinstance(following, Turn):
            after = advance.ask(following, history)
        elif may_go_on():
            after = advance.take_up(lease, task, history)
        else:
            after = None
        if after is None:
            return _hand_back(process, held, lease, task)
        _tell(process, lease.session_id)
        if after.following is None:
            return None
        lease, following, history = after.lease, after.following, after.history


def _due(process: Process, held: Held, lease: Lease, task: Task | None) -> Task | None:
    """The task to work on now; None having let go of the session, because there is none."""
    if task is None:
        return retire(process, held, lease)
    if is_due(task, lease.now):
        return task
    return persist(process, held, pauses.rest, lease, held.limits)


def _hand_back(process: Process, held: Held, lease: Lease, task: Task) -> None:
    """Lets go with work left and sends for the next owner; one who has lost the session has nothing to hand back."""
    if held.reason is Halt.LOST:
        raise LeaseLost(lease.session_id)
    persist(process, held, pauses.hand_back, lease, WAKE_GRACE)
    process.after_commit.wake(lease.session_id, task.id)


def _leave(process: Process, held: Held) -> None:
    """Frees the session if it is ours all the same: its task was cancelled in our hands, or a commit's answer lost."""
    with process.database.write() as connection:
        leases.let_go(connection, held.lease, held.lease.now)
        if held.owed is not None:
            lost_calls.charge(connection, held.lease, held.task_id, held.owed)


def _put_off(process: Process, lease: Lease) -> None:
    next_look = lease.now + timedelta(seconds=UNREADABLE_PAUSE)
    with process.database.write() as connection:
        leases.let_go(connection, lease, next_look, idle_since=lease.idle_since, notified_at=lease.notified_at)


def _tell(process: Process, session_id: str) -> None:
    if process.hints.is_watched(session_id):
        process.after_commit.nudge(session_id)
