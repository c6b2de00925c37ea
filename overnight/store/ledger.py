"""The append-only messages of a session, verbatim as sent to and received from Claude."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlmodel import col

from overnight.models import Message, Task
from overnight.store import records
from overnight.store.bulk import insert_rows
from overnight.store.prepared import Prepared
from overnight.store.records import Wish

COLUMNS = (
    *(col(Message.seq), col(Message.role), col(Message.content), col(Message.created_at)),
    *(col(Message.agent_id), col(Message.agent_version)),
)
NOBODY = {"agent_id": None, "agent_version": None}
LOAD = Prepared(
    select(*COLUMNS)
    .where(col(Message.session_id) == bindparam("session_id"), col(Message.seq) > bindparam("after_seq"))
    .order_by(col(Message.seq))
)


def load(connection: Connection, session_id: str, after_seq: int) -> Sequence[Any]:
    """(seq, role, content, created_at, agent_id, agent_version) of an open session's messages after `after_seq`."""
    return LOAD.every(connection, {"session_id": session_id, "after_seq": after_seq})


def append(
    connection: Connection,
    workspace_id: str,
    session_id: str,
    last_seq: int,
    at: datetime,
    rows: Sequence[dict[str, Any]],
) -> None:
    """Writes `rows` as the messages up to and including `last_seq`, which the session row has just reserved."""
    first = last_seq - len(rows) + 1
    fixed = {"workspace_id": workspace_id, "session_id": session_id, "created_at": at}
    blank = {"model": None, "message_id": None, "stop_reason": None, "context": None, **NOBODY}
    insert_rows(
        connection, Message, [{**blank, **row, **fixed, "seq": first + place} for place, row in enumerate(rows)]
    )


def by(task: Task) -> dict[str, Any]:
    """Of a row that enters the ledger in the task's turn: whose it is."""
    return {"task_id": task.id, "agent_id": task.agent_id, "agent_version": task.agent_version}


def page(connection: Connection, session_id: str, *, limit: int, cursor: int | None) -> Sequence[Message]:
    """At most `limit` messages after `cursor` (a seq), oldest first."""
    found = records.read(connection, Message, session_id, Wish(cursor or 0, limit=limit))
    return [Message.model_construct(**row) for row in found]


def find(connection: Connection, session_id: str, seq: int) -> Message | None:
    row = records.one(connection, Message, session_id, seq)
    return None if row is None else Message.model_construct(**row)


def between(connection: Connection, session_id: str, after: int, until: int) -> Sequence[Message]:
    """The messages after `after` up to `until`, of any session."""
    found = records.read(connection, Message, session_id, Wish(after, until))
    return [Message.model_construct(**row) for row in found]
