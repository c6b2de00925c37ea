"""What callers change of a session that goes on: under its row's lock, and told in its record."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, not_, update
from sqlmodel import col

from overnight import event_types
from overnight.errors import Conflict, InvalidRequest
from overnight.models import Session
from overnight.states import UNCLOSED, Life
from overnight.store import budgets, events, labels, session_pages, sessions, users
from overnight.store.clock import after, now
from overnight.store.events import Draft
from overnight.store.leases import FREE
from overnight.store.places import reserve
from overnight.store.session_pages import WORKING, Seen
from overnight.store.submissions import LEASED, WAKE_GRACE, why_closed

#: Columns of a budget.
BUDGET = {"budget_nanousd", "budget_tokens"}
#: Columns to change, decided of the session as it is then.
Amend = Callable[[Seen], Mapping[str, Any]]
#: The payload of the event: the session as it has become, and the columns that changed.
Tell = Callable[[Seen, Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Changed:
    """The session as it is now; `wake`: send a wake-up after the commit."""

    seen: Seen
    wake: bool


def change(connection: Connection, workspace_id: str, session_id: str, amend: Amend, tell: Tell) -> Changed:
    """Raises `NotFound`, `SessionClosed`, `Conflict`, and what `amend` raises."""
    sessions.get(connection, workspace_id, session_id)
    at = reserve(connection, session_id).now
    seen = session_pages.find(connection, workspace_id, session_id)
    check_open(connection, workspace_id, seen)
    changes = {name: value for name, value in amend(seen).items() if value != getattr(seen.session, name)}
    if changes.get("context_key"):
        check_key_is_free(connection, seen.session, changes["context_key"])
    if not changes:
        return Changed(seen, wake=False)
    if "overrides" in changes:
        check_at_rest(seen, at, "agent")
        fence_out(connection, session_id)
    fresh: dict[str, Any] = {"budget_warned": False} if changes.keys() & BUDGET else {}
    if "user_id" in changes:  # nobody is told what is known of another
        fresh["system"] = users.introduced(connection, workspace_id, changes["user_id"], seen.session.system)
    connection.execute(
        update(Session).where(col(Session.id) == session_id).values(**changes, **fresh, updated_at=now())
    )
    if "expiry" in changes:
        _look_soon(connection, session_id)
    if "labels" in changes:
        labels.write(connection, workspace_id, session_id, changes["labels"])
    wake = changes.keys() & BUDGET and budgets.let_go_on(connection, workspace_id, session_id)
    seen = session_pages.find(connection, workspace_id, session_id)
    place = reserve(connection, session_id, events=1)
    draft = Draft(event_types.SESSION_UPDATED, tell(seen, changes))
    events.append(connection, workspace_id, session_id, place.event_seq, place.now, [draft])
    return Changed(seen, bool(wake))


def _look_soon(connection: Connection, session_id: str) -> None:
    """An idle session keeps its own clock, which was set by what held before."""
    idle = (col(Session.id) == session_id, col(Session.idle_since).is_not(None), not_(LEASED))
    soon = {"wake_at": after(WAKE_GRACE), "notified_at": None}
    connection.execute(update(Session).where(*idle, col(Session.life) == Life.ACTIVE).values(**soon))


def check_key_is_free(connection: Connection, session: Session, context_key: str) -> None:
    """Raises `InvalidRequest`."""
    if sessions.find_open(connection, session.workspace_id, context_key, session.agent_id):
        why = "an open session of the agent has it already; archive that one or use another key"
        raise InvalidRequest(f"context_key: {why}", field="context_key")


def check_open(connection: Connection, workspace_id: str, seen: Seen) -> None:
    """Raises `SessionClosed`."""
    if seen.session.life not in UNCLOSED:
        raise why_closed(connection, workspace_id, seen.session.id)


def fence_out(connection: Connection, session_id: str) -> None:
    """An owner whose lease has run out may only have been frozen: he would go on with what he knew."""
    owned = (col(Session.id) == session_id, col(Session.lease_owner).is_not(None))
    connection.execute(update(Session).where(*owned).values(**FREE, lease_token=Session.lease_token + 1))


def check_at_rest(seen: Seen, at: datetime, field: str) -> None:
    """An owner has tools and history at hand with which he began. Raises `InvalidRequest`, `Conflict`."""
    if seen.status in WORKING:
        raise InvalidRequest(
            f"{field}: the session is {seen.status}; interrupt it, or wait until it is idle", field=field
        )
    if seen.session.lease_expires_at is not None and seen.session.lease_expires_at > at:
        raise Conflict(f"{field}: a worker is just leaving the session; try again", field=field)
