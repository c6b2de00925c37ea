"""The ways to name an agent for a session, and what the session then runs with."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StrictInt, Tag
from sqlalchemy import Connection

from api import toolbox
from api.content import by_type
from api.schemas_mcp import McpServers
from api.schemas_tools import Tools
from api.text import Name, Strict, Text
from overnight.agents import Resolved, built_in, resolve
from overnight.errors import InvalidRequest, NotFound
from overnight.models import DEFAULT_AGENT, DEFAULT_VERSION, AgentVersion
from overnight.settings import Settings
from overnight.store import agents

Version = Annotated[StrictInt, Field(ge=1, le=2**31 - 1)]


class ModelConfig(Strict):
    id: Name


def _id_or_object(value: Any) -> str:
    return "<id>" if isinstance(value, str) else "<object>"


def _id_or_type(value: Any) -> str | None:
    return "<id>" if isinstance(value, str) else by_type(value)


ModelChoice = Annotated[
    Annotated[Name, Tag("<id>")] | Annotated[ModelConfig, Tag("<object>")], Discriminator(_id_or_object)
]


def model_id(choice: ModelChoice) -> str:
    return choice.id if isinstance(choice, ModelConfig) else choice


class AgentReference(Strict):
    type: Literal["agent"]
    id: Text
    version: Version | None = None


class AgentWithOverrides(Strict):
    """What is given replaces the agent's for this session alone; a `system` of null leaves it without one."""

    type: Literal["agent_with_overrides"]
    id: Text
    version: Version | None = None
    model: ModelChoice | None = None
    system: Text | None = None
    tools: Tools = Field(default_factory=list)
    mcp_servers: McpServers = Field(default_factory=list)

    def overrides(self) -> dict[str, Any]:
        said: dict[str, Any] = {} if self.model is None else {"model": model_id(self.model)}
        if "system" in self.model_fields_set:
            said["system"] = self.system
        if "tools" in self.model_fields_set:
            said["tools"] = [tool.resolved() for tool in self.tools]
        if "mcp_servers" in self.model_fields_set:
            said["mcp_servers"] = [server.resolved() for server in self.mcp_servers]
        return said


Agent = Annotated[
    Annotated[Text, Tag("<id>")]
    | Annotated[AgentReference, Tag("<agent>")]
    | Annotated[AgentWithOverrides, Tag("<agent_with_overrides>")],
    Discriminator(
        _id_or_type,
        custom_error_type="kind",
        custom_error_message="must be an agent's id, or an object whose 'type' is 'agent' or 'agent_with_overrides'",
    ),
]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a new session runs with; `overrides` are those of tools and MCP servers."""

    version: AgentVersion
    resolved: Resolved
    overrides: dict[str, Any] | None


def choose(connection: Connection, workspace_id: str, agent: Agent, settings: Settings) -> Choice:
    """Raises `InvalidRequest` for an agent that is not there or archived, and overrides that do not go together."""
    version = _version(connection, workspace_id, agent, settings)
    overrides = agent.overrides() if isinstance(agent, AgentWithOverrides) else {}
    resolved = resolve(version, overrides)
    kept: dict[str, Any] = {name: overrides[name] for name in ("tools", "mcp_servers") if name in overrides}
    if kept:
        toolbox.check(resolved.tools, resolved.mcp_servers, settings, where="agent.")
    if "mcp_servers" in kept:
        toolbox.check_all_are_used(resolved.tools, resolved.mcp_servers, where="agent.")
    return Choice(version, resolved, kept or None)


def _version(connection: Connection, workspace_id: str, agent: Agent, settings: Settings) -> AgentVersion:
    agent_id, number = (agent, None) if isinstance(agent, str) else (agent.id, agent.version)
    if agent_id == DEFAULT_AGENT:
        return _default(number, settings)
    try:
        stored = agents.get(connection, workspace_id, agent_id)
    except NotFound:
        remedy = f"create it with POST /v1/agents, or use {DEFAULT_AGENT}"
        raise InvalidRequest(f"agent: {agent_id} does not exist; {remedy}", field="agent") from None
    if stored.archived_at is not None:
        raise InvalidRequest(f"agent: {agent_id} is archived; use another one", field="agent")
    named = (agent_id, stored.version if number is None else number)
    if (version := agents.versions(connection, [named]).get(named)) is None:
        has = f"the newest is {stored.version}"
        raise InvalidRequest(f"agent.version: {agent_id} has no version {number}; {has}", field="agent.version")
    return version


def _default(number: int | None, settings: Settings) -> AgentVersion:
    if number not in {None, DEFAULT_VERSION}:
        message = f"{DEFAULT_AGENT} has only version {DEFAULT_VERSION}"
        raise InvalidRequest(f"agent.version: {message}", field="agent.version")
    return built_in(settings)
