"""Where a ledger may be cut off so that somebody else can go on: after an answer, or after the results of calls."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select
from sqlmodel import col

from overnight.context_models import Context
from overnight.errors import InvalidRequest
from overnight.models import Event, Message, Session
from overnight.store import records
from overnight.store.records import Wish

#: Replies after which the turn goes on.
ON_THE_WAY = frozenset({"tool_use", "pause_turn"})
#: Two safe points are seldom farther apart.
BATCH = 8


def find(connection: Connection, session: Session, at: int | str | None) -> int:
    """The last safe point up to `at`: a message's seq, an event's id, None for the end. Raises `InvalidRequest`."""
    if isinstance(at, str):
        wanted = _written_by(connection, session, at)
    elif at is not None and at > session.ledger_seq:
        raise InvalidRequest(f"at: the ledger of {session.id} ends with message {session.ledger_seq}", field="at")
    else:
        wanted = session.ledger_seq if at is None else at
    return safe(connection, session.id, wanted)


def safe(connection: Connection, session_id: str, wanted: int) -> int:
    """0: nothing before `wanted` is whole."""
    while wanted > 0:
        rows = _before(connection, session_id, wanted)
        for place, row in enumerate(rows):
            following = rows[place + 1 : place + 2]
            if _is_end(row, following[0] if following else None):
                return int(row.seq)
        if len(rows) < BATCH:
            break
        wanted = rows[-1].seq
    return 0


def context_at(connection: Connection, session_id: str, at: int) -> int:
    """The number of the context in which the session was when its ledger ended there."""
    begun = select(func.max(col(Context.number))).where(col(Context.session_id) == session_id, col(Context.cut) <= at)
    return connection.execute(begun).scalar_one() or 0


def bounds(connection: Connection, session_id: str, number: int) -> tuple[int, int]:
    """After which message the context begins, and where it was cut."""
    statement = select(col(Context.begin_after), col(Context.cut)).where(
        col(Context.session_id) == session_id, col(Context.number) == number
    )
    row = connection.execute(statement).one_or_none()
    return (row.begin_after, row.cut) if row else (0, 0)


def _written_by(connection: Connection, session: Session, event_id: str) -> int:
    """The last message that was in the ledger when the event was told; both have the time of their transaction."""
    is_it = Wish(limit=1, where=(col(Event.id) == event_id,), wanted=lambda row: bool(row["id"] == event_id))
    told = records.read(connection, Event, session.id, is_it)
    if not told:
        why = f"session {session.id} has no event {event_id}; give one of its events' ids, or a message's seq"
        raise InvalidRequest(f"at: {why}", field="at")
    at = told[0]["created_at"]
    then = (col(Message.created_at) <= at,)
    last = Wish(limit=1, newest_first=True, where=then, wanted=lambda row: bool(row["created_at"] <= at))
    written = records.read(connection, Message, session.id, last)
    return int(written[0]["seq"]) if written else 0


def _before(connection: Connection, session_id: str, until: int) -> Sequence[Any]:
    found = records.read(connection, Message, session_id, Wish(until=until, limit=BATCH, newest_first=True))
    return [Message.model_construct(**row) for row in found]


def _is_end(row: Any, before: Any | None) -> bool:
    if row.role == "assistant":
        return row.stop_reason not in ON_THE_WAY
    if row.role == "system":  # beside results, or beside the prompt of a reply that follows
        return before is not None and _answers(before)
    return _answers(row)


def _answers(row: Any) -> bool:
    return row.role == "user" and any(block["type"] == "tool_result" for block in row.content)
