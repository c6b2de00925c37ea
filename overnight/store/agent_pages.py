"""Agents and their versions as lists."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select
from sqlmodel import col

from overnight.models import Agent, AgentVersion
from overnight.store import agents
from overnight.store.agents import Found
from overnight.store.listing import Cursor, paged
from overnight.store.rows import every

LAST_VERSION = 2**31 - 1


def page(
    connection: Connection,
    workspace_id: str,
    *,
    limit: int,
    cursor: Cursor | None = None,
    include_archived: bool = False,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Sequence[Found]:
    """At most `limit` agents in their current versions, newest first, older than `cursor`."""
    statement = select(Agent).where(col(Agent.workspace_id) == workspace_id)
    if not include_archived:
        statement = statement.where(col(Agent.archived_at).is_(None))
    found = every(connection, Agent, paged(statement, Agent, limit=limit, cursor=cursor, since=since, until=until))
    current = agents.versions(connection, [(agent.id, agent.version) for agent in found])
    return [Found(agent, current[agent.id, agent.version]) for agent in found]


def version_page(
    connection: Connection, workspace_id: str, agent_id: str, *, limit: int, cursor: int | None = None
) -> Sequence[Found]:
    """At most `limit` versions of an agent, newest first, older than version `cursor`. Raises `NotFound`."""
    agent = agents.get(connection, workspace_id, agent_id)
    statement = select(AgentVersion).where(col(AgentVersion.agent_id) == agent_id)
    if cursor is not None:
        statement = statement.where(col(AgentVersion.version) < min(cursor, LAST_VERSION))
    newest = statement.order_by(col(AgentVersion.version).desc()).limit(limit)
    return [Found(agent, each) for each in every(connection, AgentVersion, newest)]
