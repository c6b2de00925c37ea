"""What was sent to Claude for a reply: made again of the ledger and of what the step recorded of its context."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select
from sqlmodel import col

from overnight.errors import InvalidRequest, NotFound
from overnight.history.context import messages, recalled
from overnight.history.sharing import Author, author, read_by, summary_for
from overnight.models import Task
from overnight.store import agents, contexts, ledger
from overnight.store.rows import first


@dataclass(frozen=True, slots=True)
class Sent:
    """The messages, and the context that they were chosen by."""

    number: int
    begin_after: int
    messages: list[dict[str, Any]]


def of_reply(connection: Connection, session_id: str, seq: int) -> Sent:
    """For message `seq` of the ledger. Raises `NotFound`, and `InvalidRequest` for one that is no reply of Claude's."""
    reply = ledger.find(connection, session_id, seq)
    if reply is None:
        raise NotFound(f"message {seq} of session {session_id} not found")
    if reply.role != "assistant" or reply.context is None:
        why = "was written by an earlier version" if reply.role == "assistant" else f"is the {reply.role}'s"
        raise InvalidRequest(f"as_sent: message {seq} {why}; give the seq of a reply of Claude's", field="as_sent")
    task = first(connection, Task, select(Task).where(col(Task.id) == reply.task_id))
    if task is None:
        why = "belongs to a session that this one was forked from, and that is gone"
        raise InvalidRequest(f"as_sent: message {seq} {why}; ask for a later one", field="as_sent")
    remembered = contexts.find(connection, session_id, reply.context)
    rows = ledger.between(connection, session_id, remembered.begin_after, seq - 1)
    reader = author(reply)
    summary = summary_for(reader, _model(connection, reader), remembered.summary, remembered.model)
    chosen = messages(
        recalled(summary, read_by(reader, remembered.kept), read_by(reader, rows)),
        [],
        remembered.cut,
        opening=task.content,
        note=task.note or [],
        begin_after=remembered.begin_after,
    )
    return Sent(reply.context, remembered.begin_after, chosen)


def _model(connection: Connection, reader: Author) -> str:
    """Of another agent's turn."""
    found = agents.versions(connection, [reader]) if reader else {}
    return next((version.model for version in found.values()), "")
