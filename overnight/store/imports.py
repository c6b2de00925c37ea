"""A session out of a file: new ids, the same ledger. What was under way elsewhere is not done a second time here."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select
from sqlmodel import col

from overnight import event_types
from overnight.errors import InvalidRequest
from overnight.ids import EVENT, SESSION, TASK, new_id
from overnight.models import DEFAULT_AGENT, DEFAULT_ENVIRONMENT, DEFAULT_VERSION, Agent, AgentVersion, Session
from overnight.portable.document import Document, Row, renamed
from overnight.portable.sections import TAKEN_OVER, Section
from overnight.states import Life
from overnight.store import agents, environments, events, labels, packs, sessions, users
from overnight.store.agents import Definition
from overnight.store.bulk import insert_rows
from overnight.store.clock import read_clock
from overnight.store.copying import copy_rows
from overnight.store.events import Draft
from overnight.store.places import reserve
from overnight.store.rows import every

#: Rows in one statement.
BATCH = 500
#: Where ids of ours stand within JSON: in what is told, never in what was said.
TELLING = ("payload", "error", "progress")
BLANK = Session.model_construct().model_dump()  # type: ignore[call-arg]


def session(
    connection: Connection, workspace_id: str, document: Document, *, idle_check: float, user_id: str | None = None
) -> str:
    """Writes it as a new session and gives its id; with `user_id` it becomes that user's.

    Raises `InvalidRequest`, and `IntegrityError` where its context key is just taken: try again.
    """
    document.check()
    at = read_clock(connection)
    names = _new_names(document)
    session_id = names[document.session["id"]]
    row = _session_row(connection, workspace_id, document, at, idle_check)
    was, owner = document.session["user_id"], user_id or document.session["user_id"]
    if owner != was:
        row["system"] = users.introduced(connection, workspace_id, owner, row["system"])
    insert_rows(connection, Session, [{**row, "id": session_id, "user_id": owner}])
    labels.add(connection, workspace_id, session_id, row["labels"])
    owners = {was: owner} if was is not None else {}
    for section in TAKEN_OVER:
        fixed = {"workspace_id": workspace_id, "session_id": session_id}
        for rows in _batches(getattr(document, section.name)):
            copy_rows(connection, section.table, [_moved(section, each, names, owners) | fixed for each in rows])
    sessions.cancel_unfinished(connection, session_id, "session was imported")
    if row["life"] == Life.ARCHIVED:
        packs.plan(connection, workspace_id, session_id)
    place = reserve(connection, session_id, events=1)
    told = {"session_id": document.session["id"], "exported_at": _text(document.exported_at)}
    events.append(
        connection, workspace_id, session_id, place.event_seq, place.now, [Draft(event_types.SESSION_IMPORTED, told)]
    )
    return session_id


def _new_names(document: Document) -> dict[str, str]:
    """A call has the id of the event that tells of it."""
    names = {document.session["id"]: new_id(SESSION)}
    names |= {row["id"]: new_id(TASK) for row in document.tasks}
    return names | {row["id"]: new_id(EVENT) for rows in (document.events, document.tool_calls) for row in rows}


def _moved(section: Section, row: Row, names: Mapping[str, str], owners: Mapping[str, str]) -> dict[str, Any]:
    moved = {name: row[name] for name in section.columns}
    for name in ("id", "task_id"):
        if moved.get(name) is not None:
            moved[name] = names[moved[name]]
    for name in TELLING:
        if moved.get(name) is not None:
            moved[name] = renamed(moved[name], names)
    if moved.get("user_id") is not None:
        moved["user_id"] = owners.get(moved["user_id"], moved["user_id"])
    return moved


def _session_row(
    connection: Connection, workspace_id: str, document: Document, at: datetime, idle_check: float
) -> dict[str, Any]:
    said = dict(document.session)
    is_open = said["life"] != Life.ARCHIVED
    key = said["context_key"]
    if is_open and key is not None and sessions.find_open(connection, workspace_id, key):
        said["context_key"] = None
    agent_id, version = _agent(connection, workspace_id, document)
    wakes = said["life"] == Life.ACTIVE and idle_check
    return {
        **BLANK,
        **said,
        "workspace_id": workspace_id,
        "agent_id": agent_id,
        "agent_version": version,
        "environment_id": _environment(connection, workspace_id, said["environment_id"]),
        "idle_since": at if is_open else None,
        "wake_at": at + timedelta(seconds=idle_check) if wakes else None,
        "paused_at": at if said["life"] == Life.PAUSED else None,
        "archived_at": None if is_open else at,
        "created_at": at,
        "updated_at": at,
    }


def _agent(connection: Connection, workspace_id: str, document: Document) -> tuple[str, int]:
    """The same version where it is known here, else one that says the same, else a new one."""
    if document.agent is None or document.session["agent_id"] == DEFAULT_AGENT:
        return DEFAULT_AGENT, DEFAULT_VERSION
    definition = Definition(**{name: document.agent[name] for name in Definition.__slots__})
    named = document.session["agent_id"], document.session["agent_version"]
    known = agents.versions(connection, [named]).get(named)
    if known is not None and known.workspace_id == workspace_id:
        return named
    for row in _of_name(connection, workspace_id, definition.name):
        if all(getattr(row, name) == getattr(definition, name) for name in Definition.__slots__ if name != "expiry"):
            return row.agent_id, row.version
    made = agents.create(connection, workspace_id, definition)
    return made.agent.id, made.version.version


def _of_name(connection: Connection, workspace_id: str, name: str) -> Sequence[AgentVersion]:
    current = (col(AgentVersion.agent_id) == col(Agent.id)) & (col(AgentVersion.version) == col(Agent.version))
    mine = (col(Agent.workspace_id) == workspace_id, col(Agent.name) == name, col(Agent.archived_at).is_(None))
    return every(connection, AgentVersion, select(AgentVersion).join(Agent, current).where(*mine))


def _environment(connection: Connection, workspace_id: str, environment_id: str) -> str:
    """Overnight's own workers where there is no such environment here."""
    try:
        environments.check_open(connection, workspace_id, environment_id)
    except InvalidRequest:
        return DEFAULT_ENVIRONMENT
    return environment_id


def _batches(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    return (rows[begin : begin + BATCH] for begin in range(0, len(rows), BATCH))


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
