"""The one agent and the one environment there are so far, and the ways to name them."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Discriminator, StrictInt, Tag

from api.content import by_type
from api.text import Name, Strict, Text
from overnight.errors import InvalidRequest
from overnight.models import DEFAULT_AGENT
from overnight.settings import Settings

DEFAULT_ENVIRONMENT = "env_default"
VERSION = 1


class ModelConfig(Strict):
    id: Name


def _id_or_object(value: Any) -> str:
    return "<id>" if isinstance(value, str) else "<object>"


def _id_or_type(value: Any) -> str | None:
    return "<id>" if isinstance(value, str) else by_type(value)


ModelChoice = Annotated[
    Annotated[Name, Tag("<id>")] | Annotated[ModelConfig, Tag("<object>")], Discriminator(_id_or_object)
]


class AgentReference(Strict):
    type: Literal["agent"]
    id: Text
    version: StrictInt | None = None


class AgentWithOverrides(Strict):
    type: Literal["agent_with_overrides"]
    id: Text
    version: StrictInt | None = None
    model: ModelChoice | None = None
    system: Text | None = None


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
    """What a new session runs with."""

    model: str
    system: str | None


def choose(agent: Agent, settings: Settings) -> Choice:
    """The built-in agent with its overrides. Raises `InvalidRequest` for any other one."""
    agent_id = agent if isinstance(agent, str) else agent.id
    if agent_id != DEFAULT_AGENT:
        raise InvalidRequest(f"agent: {agent_id} does not exist; use {DEFAULT_AGENT}", field="agent")
    if isinstance(agent, str):
        return Choice(settings.model, None)
    if agent.version not in {None, VERSION}:
        raise InvalidRequest(f"agent.version: {DEFAULT_AGENT} has only version {VERSION}", field="agent.version")
    if isinstance(agent, AgentReference):
        return Choice(settings.model, None)
    model = agent.model.id if isinstance(agent.model, ModelConfig) else agent.model
    return Choice(model or settings.model, agent.system)


def check_environment(environment_id: str) -> None:
    if environment_id != DEFAULT_ENVIRONMENT:
        raise InvalidRequest(
            f"environment_id: {environment_id} does not exist; use {DEFAULT_ENVIRONMENT}", field="environment_id"
        )
