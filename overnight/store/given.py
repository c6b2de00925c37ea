"""Answers to tool calls that were given already, read from the record of the session."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlmodel import col

from overnight.models import Event, ToolCall
from overnight.states import CallStatus
from overnight.store import records, sessions, tool_calls
from overnight.store.events import Draft
from overnight.store.records import Row, Wish


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as its event tells it; `field` is where its payload names the call."""

    type: str
    field: str
    payload: dict[str, Any]

    @property
    def call_id(self) -> str:
        call_id: str = self.payload[self.field]
        return call_id


def before(connection: Connection, workspace_id: str, session_id: str, said: Said) -> Draft | None:
    """The event of this very answer, when the call has it and waits for none. Raises `NotFound`."""
    call = tool_calls.find(connection, session_id, said.call_id)
    if call is None or call.workspace_id != workspace_id or call.status in {CallStatus.ASKED, CallStatus.AWAITED}:
        return None
    sessions.get(connection, workspace_id, session_id)
    earlier = last(connection, call, said)
    return earlier if earlier is not None and earlier.payload == said.payload else None


def last(connection: Connection, call: ToolCall, said: Said) -> Draft | None:
    """The event of the last answer of this type to the call, wherever the session's rows are."""
    where = (
        col(Event.type) == said.type,
        col(Event.task_id) == call.task_id,
        col(Event.created_at) >= call.created_at,
    )

    def is_wanted(row: Row) -> bool:
        return (row["type"], row["task_id"]) == (said.type, call.task_id) and row["created_at"] >= call.created_at

    # Looked for here, because SQL cannot look into payloads that are encrypted.
    for row in records.read(connection, Event, call.session_id, Wish(newest_first=True, where=where, wanted=is_wanted)):
        if row["payload"].get(said.field) == call.id:
            return Draft(row["type"], row["payload"], row["task_id"], row["id"])
    return None
