"""What a session may cost: no request is made once its budget is reached, until somebody raises it."""

from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlmodel import col

from overnight.models import Session
from overnight.states import TaskStatus, WaitReason
from overnight.store import leases, pauses, tasks, turn_events
from overnight.store.prepared import Prepared
from overnight.store.submissions import call_attention
from overnight.store.turn import Turn

SUMS = Prepared(select(Session).where(col(Session.id) == bindparam("session_id")))


def is_reached(budget: int | None, cost: int | None) -> bool:
    """In nano-dollars; a cost that is not known may be any."""
    return budget is not None and (cost is None or cost >= budget)


def hold(connection: Connection, turn: Turn) -> bool:
    """Makes the task wait, and lets go, if the session has reached its budget. Raises `LeaseLost`."""
    leases.guard(connection, turn.lease, events=0)
    if not is_spent(connection, turn.lease.session_id):
        return False
    told = [
        turn_events.usage(_sums(connection, turn.lease.session_id), turn.task),
        turn_events.idle("budget_reached", turn.task),
    ]
    pauses.wait(connection, turn, WaitReason.BUDGET, None, told)
    return True


def is_spent(connection: Connection, session_id: str) -> bool:
    sums = _sums(connection, session_id)
    return is_reached(sums.budget_nanousd, sums.cost_nanousd)


def let_go_on(connection: Connection, workspace_id: str, session_id: str) -> bool:
    """A task that waits for the budget is due now. Gives whether to send a wake-up."""
    head = tasks.head(connection, session_id)
    if head is None or head.status != TaskStatus.WAITING or head.wait_reason != WaitReason.BUDGET:
        return False
    attention = call_attention(connection, workspace_id, session_id, count=0)
    tasks.keep(connection, head, due_at=attention.now)
    return attention.wake


def _sums(connection: Connection, session_id: str) -> Any:
    return SUMS.every(connection, {"session_id": session_id})[0]
