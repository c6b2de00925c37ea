"""Agents as the JSON that callers see: as they are, and as a session has them."""

from typing import Any

from api.moments import time
from overnight.agents import NAME
from overnight.models import AgentVersion
from overnight.store.agents import Found
from overnight.store.session_pages import Seen

#: What Managed Agents has and Overnight has not.
LACKING: dict[str, Any] = {"skills": [], "multiagent": None, "execution_identity": {"type": "service_account"}}


def agent(found: Found) -> dict[str, Any]:
    agent, version = found.agent, found.version
    is_current = agent.version == version.version
    return {
        **_identity(version),
        "model": {"id": version.model},
        "system": version.system,
        "description": version.description,
        "tools": version.tools,
        "mcp_servers": version.mcp_servers,
        "metadata": version.labels,
        **LACKING,
        "created_at": time(agent.created_at),
        "updated_at": time(agent.updated_at if is_current else version.created_at),
        "archived_at": time(agent.archived_at),
        "limits": {
            "max_steps": version.max_steps,
            "max_tokens": version.max_tokens,
            "max_retry_age": version.max_retry_age,
        },
        "history": version.history,
        "expiry": version.expiry,
    }


def of_session(seen: Seen) -> dict[str, Any]:
    """The agent as it was when the session was created, with what the session replaces of it."""
    row, version = seen.session, seen.agent
    said: dict[str, Any] = {"name": NAME, "description": None, "tools": [], "mcp_servers": []}
    if version is not None:
        said = {name: getattr(version, name) for name in said}
    return {
        "id": row.agent_id,
        "type": "agent",
        "version": row.agent_version,
        "model": {"id": row.model},
        "system": row.system,
        **said,
        **(row.overrides or {}),
        **LACKING,
    }


def _identity(version: AgentVersion) -> dict[str, Any]:
    return {"id": version.agent_id, "type": "agent", "version": version.version, "name": version.name}
