"""Budgets of a task, its session, its user and its workspace: no request is made for which one of them has no room.

The limits are looked at in the transaction that begins a step, under the locks of all that is concerned, and what the
request will probably take is written down there for those who look next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update
from sqlmodel import col

from overnight import event_types
from overnight.ceilings import Amount, Ceiling, Level, Standing, Verdict
from overnight.errors import LeaseLost
from overnight.expiry import Limits
from overnight.models import Session, Task, Usage
from overnight.states import TaskStatus, WaitReason
from overnight.store import budget_words, forecasts, leases, pauses, spending, tasks, turn_events, turns
from overnight.store.events import Draft
from overnight.store.forecasts import Asking, Forecast
from overnight.store.leases import Lease
from overnight.store.prepared import Prepared
from overnight.store.submissions import call_attention
from overnight.store.turn import Turn, keep, record

SUMS = Prepared(select(Session).where(col(Session.id) == bindparam("session_id")))
TASK = Prepared(select(Task).where(col(Task.id) == bindparam("task_id")))
NOTHING = Amount()
#: Seconds until what others have under way is looked at again: doubled each time.
FIRST_LOOK, LONGEST_LOOK = 2.0, 60.0


@dataclass(frozen=True, slots=True)
class Room:
    """For a request that will probably take `wish`; `is_shared`: others look at the same budgets."""

    task: Task
    wish: Amount
    at: datetime
    is_shared: bool


def begin(connection: Connection, lease: Lease, task: Task, limits: Limits) -> Turn | None:
    """A step starts if there is room for its request; None having made the task wait and let go. Raises `LeaseLost`."""
    room = _room(connection, lease, task, limits)
    if room is None:
        return None
    turn = turns.begin(connection, lease, room.task, limits)
    if room.is_shared:
        wish = room.wish
        keep(connection, turn.task, reserved_nanousd=wish.nanousd, reserved_tokens=wish.tokens, reserved_at=room.at)
    return turn


def has_room(connection: Connection, turn: Turn) -> bool:
    """For a request between the steps of a task; False having made it wait and let go. Raises `LeaseLost`."""
    return _room(connection, turn.lease, turn.task, turn.limits) is not None


def is_spent(connection: Connection, lease: Lease) -> bool:
    """Whether nothing at all may be spent any more for the session."""
    at = leases.guard(connection, lease, events=0).now
    return any(one.judge(NOTHING) is Verdict.FULL for one in standings(connection, lease, None, at))


def standings(connection: Connection, lease: Lease, task: Task | None, at: datetime) -> list[Standing]:
    """All budgets that concern the work, the narrowest first."""
    user_id = (task.user_id if task else None) or lease.user_id
    shared = spending.standings(connection, lease.workspace_id, user_id, at, besides=task.id if task else "")
    sums = _sums(connection, lease.session_id)
    own = [of_row(Level.SESSION, sums)] if task is None else [of_row(Level.TASK, task), of_row(Level.SESSION, sums)]
    return [one for one in own if one.ceiling.exists] + shared


def of_row(level: Level, row: Any) -> Standing:
    """Of a task's or a session's own budget."""
    ceiling = Ceiling(row.budget_nanousd, row.budget_tokens)
    return Standing(level, row.id, ceiling, Amount(row.cost_nanousd, tokens_of(row)), warned=row.budget_warned)


def tokens_of(row: Usage) -> int:
    return row.input_tokens + row.output_tokens + row.cache_write_tokens + row.cache_read_tokens


def let_go_on(connection: Connection, workspace_id: str, session_id: str) -> bool:
    """A task that waits for the budget is due now. Gives whether to send a wake-up."""
    head = tasks.head(connection, session_id)
    if head is None or head.status != TaskStatus.WAITING or head.wait_reason != WaitReason.BUDGET:
        return False
    attention = call_attention(connection, workspace_id, session_id, count=0)
    tasks.keep(connection, head, due_at=attention.now)
    return attention.wake


def _room(connection: Connection, lease: Lease, task: Task, limits: Limits) -> Room | None:
    """None having made the task wait."""
    at = leases.guard(connection, lease, events=0).now
    task = _as_it_is(connection, task)
    found = standings(connection, lease, task, at)
    forecast = _forecast(connection, lease, task)
    wish = forecast.amount
    for verdict in (Verdict.FULL, Verdict.CROWDED):
        held = next((one for one in found if one.judge(wish) is verdict), None)
        if held is not None:
            _hold(connection, Turn(lease, task, None, limits), held, forecast, verdict, at)
            return None
    _warn(connection, lease, task, [one for one in found if not one.warned and one.is_near(wish)])
    return Room(task, wish, at, is_shared=any(one.is_shared for one in found))


def _forecast(connection: Connection, lease: Lease, task: Task) -> Forecast:
    told = task.ledger_end is not None and task.ledger_end == lease.ledger_seq
    said = () if told else [*task.content, *(task.note or [])]
    asking = Asking(lease.session_id, lease.ledger_seq, lease.model, lease.system, lease.max_tokens, said)
    return forecasts.next_call(connection, asking)


def _hold(
    connection: Connection, turn: Turn, held: Standing, forecast: Forecast, verdict: Verdict, at: datetime
) -> None:
    before = turn.task.error or {} if turn.task.wait_reason == WaitReason.BUDGET else {}
    full = verdict is Verdict.FULL
    looks = 0 if full else before.get("looks", 0)
    error = budget_words.why_held(held, forecast, full=full)
    told = [] if before.get("type") == error["type"] else _told(connection, turn, full=full)
    pauses.wait(
        connection,
        turn,
        WaitReason.BUDGET,
        _until(held, at) if full else min(FIRST_LOOK * 2 ** min(looks, 8), LONGEST_LOOK),
        told,
        error=error if full else {**error, "looks": looks + 1},
        held_by=held.id,
    )


def _told(connection: Connection, turn: Turn, *, full: bool) -> list[Draft]:
    if not full:
        return [Draft(event_types.SESSION_RESCHEDULED, task_id=turn.task.id)]
    sums = _sums(connection, turn.lease.session_id)
    return [turn_events.usage(sums, turn.task), turn_events.idle("budget_reached", turn.task)]


def _until(held: Standing, at: datetime) -> float | None:
    """Seconds until it is renewed; None: it waits for somebody."""
    return None if held.renews_at is None else max((held.renews_at - at).total_seconds(), 0.0)


def _warn(connection: Connection, lease: Lease, task: Task, near: Sequence[Standing]) -> None:
    """Once for each budget, in the record of the session that came near it."""
    if not near:
        return
    drafts = [Draft(event_types.BUDGET_WARNING, {"budget": budget_words.shown(one)}, task.id) for one in near]
    stamp = leases.guard(connection, lease, events=len(drafts))
    record(connection, lease, stamp, drafts)
    spending.mark_warned(connection, [one.id for one in near if one.is_shared])
    levels = {one.level for one in near}
    if Level.SESSION in levels:
        connection.execute(update(Session).where(col(Session.id) == lease.session_id).values(budget_warned=True))
    if Level.TASK in levels:
        keep(connection, task, budget_warned=True)


def _as_it_is(connection: Connection, task: Task) -> Task:
    """Its budget may have been changed since it was read."""
    row = TASK.first(connection, {"task_id": task.id})
    if row is None:
        raise LeaseLost(task.session_id)
    return Task.model_construct(**row._asdict())


def _sums(connection: Connection, session_id: str) -> Any:
    return SUMS.every(connection, {"session_id": session_id})[0]
