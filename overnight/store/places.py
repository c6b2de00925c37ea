"""Places in a session's two records, for a transaction that has taken its row already."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, update
from sqlmodel import col

from overnight.models import Session
from overnight.store.clock import now
from overnight.store.prepared import Prepared

RESERVE = Prepared(
    update(Session)
    .where(col(Session.id) == bindparam("session_id"))
    .values(event_seq=Session.event_seq + bindparam("events"), ledger_seq=Session.ledger_seq + bindparam("messages"))
    .returning(col(Session.event_seq), col(Session.ledger_seq), now().label("now"))
)


@dataclass(frozen=True, slots=True)
class Place:
    """The last numbers that were reserved, and when."""

    event_seq: int
    ledger_seq: int
    now: datetime


def reserve(connection: Connection, session_id: str, *, events: int = 0, messages: int = 0) -> Place:
    values = {"session_id": session_id, "events": events, "messages": messages}
    return Place(*RESERVE.every(connection, values)[0])
