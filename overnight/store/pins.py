"""What callers do about the context of a session: pin messages of its ledger, let them go, begin anew."""

from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlmodel import col

from overnight import event_types
from overnight.context_models import Pin
from overnight.errors import InvalidRequest, NotFound
from overnight.history.policy import Cut
from overnight.models import Message, Session
from overnight.store import contexts, events, ledger, session_changes, session_pages, sessions, users
from overnight.store.contexts import Begun
from overnight.store.events import Draft
from overnight.store.places import Place, reserve
from overnight.store.rows import first

#: Of one session: they are sent with every request, and must leave room for the rest in any model's window.
MOST_PINS, MOST_CHARACTERS = 50, 100_000


def pin(connection: Connection, workspace_id: str, session_id: str, seq: int) -> Message:
    """The message is sent whatever is cut, from when a worker next takes the session up. Twice is no error.

    Raises `NotFound`, and `InvalidRequest` where too much would be pinned.
    """
    row, place = _taken(connection, workspace_id, session_id, seq)
    if first(connection, Pin, _mine(select(Pin), session_id, seq)) is not None:
        return row
    characters = len(str(row.content))
    _check_room(connection, session_id, characters)
    values = {"session_id": session_id, "seq": seq, "workspace_id": workspace_id, "created_at": place.now}
    connection.execute(insert(Pin).values(**values, companion=_companion(row), characters=characters))
    session = sessions.get(connection, workspace_id, session_id)
    if seq <= session.context_from:  # no longer sent: it comes back
        before = contexts.find(connection, session_id, session.context)
        chosen = Cut("pinned", session.context_from, before.first, before.summary)
        begin(connection, session, place, chosen, before.model)
    return row


def unpin(connection: Connection, workspace_id: str, session_id: str, seq: int) -> Message:
    """It goes with the next cut; until then what is sent stays as it is, in Claude's cache. Twice is no error."""
    row, _ = _taken(connection, workspace_id, session_id, seq)
    connection.execute(_mine(delete(Pin), session_id, seq))
    return row


def reset(connection: Connection, workspace_id: str, session_id: str) -> None:
    """Nothing that was said so far is sent any more; all of it stays readable. Pins go; the user's profile is renewed.

    Raises `NotFound`, `InvalidRequest` while the session works, `SessionClosed`.
    """
    sessions.get(connection, workspace_id, session_id)
    place = reserve(connection, session_id, events=1)
    seen = session_pages.find(connection, workspace_id, session_id)
    session_changes.check_open(connection, workspace_id, seen)
    session_changes.check_at_rest(seen, place.now, "session")
    session_changes.fence_out(connection, session_id)
    connection.execute(delete(Pin).where(col(Pin.session_id) == session_id))
    begin(connection, seen.session, place, Cut("reset", place.ledger_seq))
    _renew_profile(connection, seen.session)
    told = Draft(event_types.CONTEXT_RESET, {"context_from": place.ledger_seq})
    events.append(connection, workspace_id, session_id, place.event_seq, place.now, [told])


def pinned(connection: Connection, session_id: str, after: int, until: int) -> set[int]:
    """Which of these messages are pinned."""
    between = (col(Pin.session_id) == session_id, col(Pin.seq) > after, col(Pin.seq) <= until)
    return set(connection.execute(select(col(Pin.seq)).where(*between)).scalars())


def _taken(connection: Connection, workspace_id: str, session_id: str, seq: int) -> tuple[Message, Place]:
    """The message, in a transaction that has taken the session's row."""
    sessions.get(connection, workspace_id, session_id)
    place = reserve(connection, session_id)
    row = ledger.find(connection, session_id, seq)
    if row is None:
        raise NotFound(f"message {seq} of session {session_id} not found")
    if row.role == "system":
        raise InvalidRequest(f"seq: message {seq} is the system's, which cannot be pinned; pin the user's before it")
    return row, place


def _check_room(connection: Connection, session_id: str, characters: int) -> None:
    counted = select(func.count(), func.coalesce(func.sum(col(Pin.characters)), 0))
    pins, so_far = connection.execute(counted.where(col(Pin.session_id) == session_id)).one()
    if pins >= MOST_PINS:
        raise InvalidRequest(f"seq: the session has {MOST_PINS} pins, the most there may be; unpin one first")
    if so_far + characters > MOST_CHARACTERS:
        raise InvalidRequest(
            f"seq: with this the pins would have {so_far + characters} characters, of {MOST_CHARACTERS} at most; "
            "unpin another first"
        )


def begin(connection: Connection, session: Session, place: Place, chosen: Cut, model: str | None = None) -> None:
    """The session's next context. What was thought before it was thought in another one."""
    number = session.context + 1
    changes = {"context": number, "context_from": chosen.begin_after, "context_cut": place.ledger_seq}
    connection.execute(update(Session).where(col(Session.id) == session.id).values(**changes, context_tokens=0))
    kept = contexts.pins(connection, session.id, chosen.begin_after)
    begun = Begun(number, place.ledger_seq, place.now)
    contexts.insert(connection, session.workspace_id, session.id, begun, chosen, kept, model=model)


def _renew_profile(connection: Connection, session: Session) -> None:
    """Nothing of what was sent so far is in Claude's cache any more, so what is known of the user may change now."""
    system = users.introduced(connection, session.workspace_id, session.user_id, session.system)
    connection.execute(update(Session).where(col(Session.id) == session.id).values(system=system))


def _companion(row: Message) -> int | None:
    kinds = {block["type"] for block in row.content}
    return row.seq + 1 if "tool_use" in kinds else row.seq - 1 if "tool_result" in kinds else None


def _mine(statement: Any, session_id: str, seq: int) -> Any:
    return statement.where(col(Pin.session_id) == session_id, col(Pin.seq) == seq)
