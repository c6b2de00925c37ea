"""A session or a user as JSON, piece by piece: no more than a batch of rows is at hand at a time."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select
from sqlmodel import col

from overnight.keeping_models import Transcript
from overnight.models import DEFAULT_AGENT, Event, Message, Session
from overnight.portable.sections import (
    AGENT,
    SECTIONS,
    SESSION,
    SESSION_FORMAT,
    USER_FORMAT,
    VERSION,
    Section,
    wire_name,
)
from overnight.states import Life
from overnight.store import agents, records, transcripts, users
from overnight.store.clock import read_clock
from overnight.store.rows import every
from overnight.store.transcripts import BATCH

Json = dict[str, Any]


def session(connection: Connection, row: Session) -> Iterator[str]:
    """Its whole file. `connection` shows one moment."""
    yield from _opened(_head(connection, SESSION_FORMAT) | {"session": _shown(SESSION, row.model_dump())})
    yield f',"agent":{_json(_agent(connection, row))}'
    for section in SECTIONS:
        yield f',"{section.name}":'
        yield from _listed(_json(_shown(section, each)) for each in _rows(connection, section, row.id))
    yield "}"


def user(connection: Connection, workspace_id: str, user_id: str) -> Iterator[str]:
    """His whole file: profile, sessions, transcripts of the Agent SDK. Raises `NotFound` before the first piece."""
    known = users.find(connection, workspace_id, user_id)
    yield from _opened(_head(connection, USER_FORMAT) | {"user": {"id": known.id, "profile": known.profile}})
    yield ',"sessions":'
    yield from _spliced(session(connection, row) for row in _sessions(connection, workspace_id, user_id))
    yield ',"transcripts":'
    yield from _spliced(_transcripts(connection, workspace_id, user_id))
    yield "}"


def _head(connection: Connection, form: str) -> Json:
    return {"format": form, "version": VERSION, "exported_at": read_clock(connection)}


def _opened(said: Json) -> Iterator[str]:
    yield _json(said)[:-1]


def _rows(connection: Connection, section: Section, session_id: str) -> Iterator[Any]:
    """Rows as mappings."""
    table = section.table
    if table is Message or table is Event:
        yield from records.piece_by_piece(connection, table, session_id, BATCH)
        return
    statement = select(table).where(col(table.session_id) == session_id)  # type: ignore[attr-defined]
    ordered = statement.order_by(*section.ordered_by)
    for row in connection.execute(ordered, execution_options={"yield_per": BATCH}):
        yield row._mapping


def _agent(connection: Connection, row: Session) -> Json | None:
    """What the session's version says; None for the built-in one."""
    if row.agent_id == DEFAULT_AGENT:
        return None
    found = agents.versions(connection, [(row.agent_id, row.agent_version)])
    return _shown(AGENT, found[row.agent_id, row.agent_version].model_dump())


def _sessions(connection: Connection, workspace_id: str, user_id: str) -> Iterator[Session]:
    mine = (col(Session.workspace_id) == workspace_id, col(Session.user_id) == user_id)
    ids = select(col(Session.id)).where(*mine, col(Session.life) != Life.DELETED).order_by(col(Session.created_at))
    for session_id in connection.execute(ids).scalars().all():
        yield every(connection, Session, select(Session).where(col(Session.id) == session_id))[0]


def _transcripts(connection: Connection, workspace_id: str, user_id: str) -> Iterator[Iterator[str]]:
    mine = (col(Transcript.workspace_id) == workspace_id, col(Transcript.user_id) == user_id)
    for row in every(connection, Transcript, select(Transcript).where(*mine).order_by(col(Transcript.created_at))):
        yield _transcript(connection, row)


def _transcript(connection: Connection, row: Transcript) -> Iterator[str]:
    named = ("project_key", "session_id", "subpath", "summary")
    yield from _opened({name: getattr(row, name) for name in named})
    yield ',"entries":'
    yield from _listed(_json(entry) for entry in transcripts.entries_of(connection, row.id))
    yield "}"


def _spliced(groups: Iterator[Iterator[str]]) -> Iterator[str]:
    """A list of what comes in pieces itself."""
    yield "["
    before = ""
    for pieces in groups:
        yield before
        yield from pieces
        before = ","
    yield "]"


def _listed(values: Iterator[str]) -> Iterator[str]:
    yield "["
    before = ""
    for value in values:
        yield before + value
        before = ","
    yield "]"


def _shown(section: Section, row: Mapping[str, Any]) -> Json:
    return {wire_name(name): row[name] for name in section.columns}


def _moment(value: Any) -> str:
    if not isinstance(value, datetime):
        raise TypeError(type(value).__name__)
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


#: Escaped to ASCII, as whatever was said must survive.
_json = json.JSONEncoder(separators=(",", ":"), default=_moment).encode
