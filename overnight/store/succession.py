"""A session that goes on in another one, which begins with its summary."""

from typing import Any

from sqlalchemy import Connection, update
from sqlmodel import col

from overnight import event_types
from overnight.history.policy import Cut
from overnight.ids import SESSION, new_id
from overnight.models import Session
from overnight.states import ArchiveReason
from overnight.store import budgets, contexts, events, retirement, sessions
from overnight.store.calls import Call
from overnight.store.contexts import Begun
from overnight.store.events import Draft
from overnight.store.forks import INHERITED
from overnight.store.leases import Lease
from overnight.store.places import reserve
from overnight.store.sessions import NewSession

#: The successor's first context: nothing has been said in it yet.
FIRST = 1


def hand_over(
    connection: Connection,
    lease: Lease,
    reason: ArchiveReason,
    summary: str,
    call: Call | None,
    *,
    max_age: float | None,
    idle_check: float,
) -> bool:
    """Archives the session and begins its successor, with its context key; False, and nothing changed, when a task has
    arrived: that is the old one's, and what comes after goes to the successor."""
    next_id = new_id(SESSION)
    told = {"continued_by": next_id}
    if not retirement.archive(connection, lease, reason, summary, None, call, told):
        return False
    before = sessions.get(connection, lease.workspace_id, lease.session_id)
    connection.execute(update(Session).where(col(Session.id) == before.id).values(continued_by=next_id))
    inherited: dict[str, Any] = {name: getattr(before, name) for name in INHERITED} | _left_of_the_budget(before)
    new = NewSession(**inherited, id=next_id, context_key=before.context_key, max_age=max_age, is_introduced=True)
    sessions.create(connection, lease.workspace_id, new, idle_check=idle_check)
    _begin_with(connection, lease, next_id, summary)
    return True


def _begin_with(connection: Connection, lease: Lease, next_id: str, summary: str) -> None:
    place = reserve(connection, next_id, events=1)
    values = {"continues": lease.session_id, "context": FIRST}
    connection.execute(update(Session).where(col(Session.id) == next_id).values(**values))
    cut = Cut("continued", 0, [], [{"type": "text", "text": summary}])
    contexts.insert(connection, lease.workspace_id, next_id, Begun(FIRST, 0, place.now), cut, (), model=None)
    told = Draft(event_types.SESSION_CONTINUED, {"continues": lease.session_id, "summary": summary})
    events.append(connection, lease.workspace_id, next_id, place.event_seq, place.now, [told])


def _left_of_the_budget(before: Session) -> dict[str, int | None]:
    """A budget is of the conversation: what its first part has spent is gone, and so is what the summary cost."""
    nanousd, tokens = before.budget_nanousd, before.budget_tokens
    spent, used = before.cost_nanousd or 0, budgets.tokens_of(before)
    return {
        "budget_nanousd": None if nanousd is None else max(nanousd - spent, 0),
        "budget_tokens": None if tokens is None else max(tokens - used, 0),
    }
