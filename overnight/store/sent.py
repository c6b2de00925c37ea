"""What was sent to Claude for a reply: made again of the ledger and of what the step recorded of its context."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select
from sqlmodel import col

from overnight.errors import InvalidRequest, NotFound
from overnight.history.context import Entry, messages, recalled
from overnight.models import Message, Task
from overnight.store import contexts, ledger
from overnight.store.rows import first


@dataclass(frozen=True, slots=True)
class Sent:
    """The messages, and the context that they were chosen by."""

    number: int
    begin_after: int
    messages: list[dict[str, Any]]


def of_reply(connection: Connection, session_id: str, seq: int) -> Sent:
    """For message `seq` of the ledger. Raises `NotFound`, and `InvalidRequest` for one that is no reply of Claude's."""
    reply = first(connection, Message, _message(session_id, seq))
    if reply is None:
        raise NotFound(f"message {seq} of session {session_id} not found")
    if reply.role != "assistant" or reply.context is None:
        why = "was written by an earlier version" if reply.role == "assistant" else f"is the {reply.role}'s"
        raise InvalidRequest(f"as_sent: message {seq} {why}; give the seq of a reply of Claude's", field="as_sent")
    task = first(connection, Task, select(Task).where(col(Task.id) == reply.task_id))
    assert task is not None
    remembered = contexts.find(connection, session_id, reply.context)
    rows = [row for row in ledger.load(connection, session_id, remembered.begin_after) if row.seq < seq]
    kept, tail = ([Entry(row.seq, row.role, row.content) for row in some] for some in (remembered.kept, rows))
    chosen = messages(
        recalled(remembered.summary, kept, tail),
        [],
        remembered.cut,
        opening=task.content,
        note=task.note or [],
        begin_after=remembered.begin_after,
    )
    return Sent(reply.context, remembered.begin_after, chosen)


def _message(session_id: str, seq: int) -> Any:
    return select(Message).where(col(Message.session_id) == session_id, col(Message.seq) == seq)
