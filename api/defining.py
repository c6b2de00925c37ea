"""What callers send about an agent as what a version of it says."""

from collections.abc import Mapping
from typing import Any

from api import toolbox
from api.agents import model_id
from api.schemas_agents import AgentChange, AgentRequest, History, Limits
from api.text import MOST_LABELS
from overnight.agents import COMPACT
from overnight.errors import InvalidRequest
from overnight.settings import Settings
from overnight.store.agents import Amend, Definition


def definition(request: AgentRequest, settings: Settings) -> Definition:
    """Raises `InvalidRequest` when its tools and MCP servers do not go together."""
    tools = [tool.resolved() for tool in request.tools]
    servers = [server.resolved() for server in request.mcp_servers]
    _check(tools, servers, settings)
    return Definition(
        name=request.name,
        model=model_id(request.model),
        description=request.description or None,
        system=request.system or None,
        tools=tools,
        mcp_servers=servers,
        labels=request.metadata,
        history=_history(request.history),
        expiry=request.expiry.said() if request.expiry else None,
        **_limits(request.limits, frozenset(Limits.model_fields), settings),
    )


def amendment(request: AgentChange, settings: Settings) -> Amend:
    """What the request changes in whatever the agent is by then."""

    def amend(before: Definition) -> Mapping[str, Any]:
        changes = _replaced(request)
        changes |= _limits(request.limits, request.limits.model_fields_set, settings)
        changes["labels"] = patched(before.labels, request.metadata, "agent")
        _check(changes.get("tools", before.tools), changes.get("mcp_servers", before.mcp_servers), settings)
        return changes

    return amend


def _replaced(request: AgentChange) -> dict[str, Any]:
    """The fields that are replaced whole, of those that were sent."""
    said = {
        "name": request.name,
        "model": model_id(request.model),
        "description": request.description or None,
        "system": request.system or None,
        "tools": [tool.resolved() for tool in request.tools or []],
        "mcp_servers": [server.resolved() for server in request.mcp_servers or []],
        "history": _history(request.history),
        "expiry": request.expiry.said() if request.expiry else None,
    }
    return {name: value for name, value in said.items() if name in request.model_fields_set}


def patched(labels: Mapping[str, str], patch: Mapping[str, str | None], owner: str) -> dict[str, str]:
    """The pairs of `owner` after the patch. Raises `InvalidRequest` when they are too many."""
    merged = {name: value for name, value in {**labels, **patch}.items() if value is not None}
    if len(merged) > MOST_LABELS:
        raise InvalidRequest(
            f"metadata: the {owner} would have {len(merged)} pairs, of {MOST_LABELS} at most; take some away with null",
            field="metadata",
        )
    return merged


def _history(history: History | None) -> dict[str, Any]:
    return COMPACT if history is None else history.model_dump(exclude_none=True)


def _limits(limits: Limits, said: frozenset[str] | set[str], settings: Settings) -> dict[str, Any]:
    """Those that are `said`, with the server's setting in the place of null."""
    given = {name: getattr(limits, name) for name in said}
    return {name: getattr(settings, name) if value is None else value for name, value in given.items()}


def _check(tools: list[dict[str, Any]], servers: list[dict[str, Any]], settings: Settings) -> None:
    toolbox.check(tools, servers, settings)
    toolbox.check_all_are_used(tools, servers)
