"""Agents and their versions: create, change, find, archive. A version is written once and never changed."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, tuple_, update
from sqlmodel import col

from overnight.errors import Conflict, InvalidRequest, NotFound
from overnight.ids import AGENT, new_id
from overnight.models import Agent, AgentVersion
from overnight.store.clock import now, read_clock
from overnight.store.rows import every, first


@dataclass(frozen=True, slots=True)
class Definition:
    """What a version says. `max_retry_age` in seconds."""

    name: str
    model: str
    max_steps: int
    max_tokens: int
    max_retry_age: float
    history: dict[str, Any]
    description: str | None = None
    system: str | None = None
    tools: list[dict[str, Any]] = field(default_factory=list)
    mcp_servers: list[dict[str, Any]] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    expiry: dict[str, Any] | None = None  # of its sessions: see `overnight.expiry`


@dataclass(frozen=True, slots=True)
class Found:
    """An agent, and that version of it which was asked for."""

    agent: Agent
    version: AgentVersion


#: An agent's id and the number of a version.
Named = tuple[str, int]
#: From what the current version says to what is different in the next.
Amend = Callable[[Definition], Mapping[str, Any]]


def create(connection: Connection, workspace_id: str, definition: Definition) -> Found:
    """Writes an agent and its version 1."""
    agent_id, at = new_id(AGENT), read_clock(connection)
    row = {"id": agent_id, "workspace_id": workspace_id, "version": 1, "name": definition.name}
    connection.execute(insert(Agent).values(**row, created_at=at, updated_at=at))
    _write_version(connection, workspace_id, (agent_id, 1), definition, at)
    return find(connection, workspace_id, agent_id)


def change(
    connection: Connection, workspace_id: str, agent_id: str, amend: Amend, *, expected: int | None = None
) -> Found:
    """Makes the next version of what `amend` says; where it changes nothing, there is none.

    `expected` is the version that the caller has seen, None for whichever there is: `Conflict` when it is another one
    by now. Raises `NotFound`, `InvalidRequest` for an archived agent, and what `amend` raises.
    """
    agent = get(connection, workspace_id, agent_id, lock=True)
    _check_changeable(agent, expected)
    before = _said(find(connection, workspace_id, agent_id).version)
    after = Definition(**{**_as_dict(before), **amend(before)})
    if after != before:
        number, at = agent.version + 1, read_clock(connection)
        changed = {"version": number, "name": after.name, "updated_at": at}
        connection.execute(update(Agent).where(col(Agent.id) == agent_id).values(**changed))
        _write_version(connection, workspace_id, (agent_id, number), after, at)
    return find(connection, workspace_id, agent_id)


def archive(connection: Connection, workspace_id: str, agent_id: str) -> Found:
    """No session begins with it any more; those that have go on. Twice is no error. Raises `NotFound`."""
    mine = (col(Agent.id) == agent_id, col(Agent.workspace_id) == workspace_id, col(Agent.archived_at).is_(None))
    connection.execute(update(Agent).where(*mine).values(archived_at=now(), updated_at=now()))
    return find(connection, workspace_id, agent_id)


def get(connection: Connection, workspace_id: str, agent_id: str, *, lock: bool = False) -> Agent:
    """Raises `NotFound`, also for another workspace's. `lock`: nobody else changes it before the transaction ends."""
    statement = select(Agent).where(col(Agent.id) == agent_id, col(Agent.workspace_id) == workspace_id)
    agent = first(connection, Agent, statement.with_for_update() if lock else statement)
    if agent is None:
        raise NotFound(f"agent {agent_id} not found")
    return agent


def find(connection: Connection, workspace_id: str, agent_id: str, number: int | None = None) -> Found:
    """The current version, or version `number`. Raises `NotFound`, also for another workspace's."""
    agent = get(connection, workspace_id, agent_id)
    return Found(agent, _stored(connection, (agent_id, agent.version if number is None else number)))


def version(connection: Connection, agent_id: str, number: int, built_in: AgentVersion) -> AgentVersion:
    """A version that a session names, for workers; it never changes, so it may be kept. Raises `NotFound`."""
    return built_in if agent_id == built_in.agent_id else _stored(connection, (agent_id, number))


def versions(connection: Connection, wanted: Collection[Named]) -> dict[Named, AgentVersion]:
    """Those of `wanted` that are stored, which the built-in one is not."""
    if not wanted:
        return {}
    named = tuple_(col(AgentVersion.agent_id), col(AgentVersion.version)).in_(sorted(set(wanted)))
    found = every(connection, AgentVersion, select(AgentVersion).where(named))
    return {(each.agent_id, each.version): each for each in found}


def _check_changeable(agent: Agent, expected: int | None) -> None:
    if agent.archived_at is not None:
        raise InvalidRequest(f"agent {agent.id} is archived and cannot be changed; create a new one")
    if expected is not None and expected != agent.version:
        raise Conflict(
            f"version: agent {agent.id} is at version {agent.version}, not {expected}; read it again, then change that",
            field="version",
            current_version=agent.version,
        )


def _stored(connection: Connection, named: Named) -> AgentVersion:
    found = versions(connection, [named]).get(named)
    if found is None:
        raise NotFound(f"agent {named[0]} has no version {named[1]}")
    return found


def _write_version(
    connection: Connection, workspace_id: str, named: Named, definition: Definition, at: datetime
) -> None:
    row = {"agent_id": named[0], "version": named[1], "workspace_id": workspace_id, "created_at": at}
    connection.execute(insert(AgentVersion).values(**row, **_as_dict(definition)))


def _said(row: AgentVersion) -> Definition:
    return Definition(**{name: getattr(row, name) for name in Definition.__slots__})


def _as_dict(definition: Definition) -> dict[str, Any]:
    return {name: getattr(definition, name) for name in Definition.__slots__}
