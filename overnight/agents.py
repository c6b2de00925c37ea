"""What an agent is to those who run it: the built-in one, and a version with what a session replaces of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from overnight.models import DEFAULT_AGENT, DEFAULT_VERSION, DEFAULT_WORKSPACE, AgentVersion
from overnight.settings import Settings

NAME = "default"
COMPACT = {"type": "compact"}
#: When the built-in agent was written down.
WRITTEN = datetime(2026, 11, 20, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a session runs with. `max_retry_age` in seconds."""

    model: str
    system: str | None
    tools: list[dict[str, Any]]
    mcp_servers: list[dict[str, Any]]
    max_steps: int
    max_tokens: int
    max_retry_age: float
    history: dict[str, Any]


def built_in(settings: Settings) -> AgentVersion:
    """`agent_default`: the model and limits of the settings, no tools. Every workspace has it, none as rows."""
    return AgentVersion.model_construct(  # at every new session without an agent: not validated
        agent_id=DEFAULT_AGENT,
        version=DEFAULT_VERSION,
        workspace_id=DEFAULT_WORKSPACE,
        name=NAME,
        description=None,
        model=settings.model,
        system=None,
        tools=[],
        mcp_servers=[],
        labels={},
        max_steps=settings.max_steps,
        max_tokens=settings.max_tokens,
        max_retry_age=settings.max_retry_age,
        history=COMPACT,
        expiry=None,
        created_at=WRITTEN,
    )


def resolve(version: AgentVersion, overrides: Mapping[str, Any] | None = None) -> Resolved:
    """The version, with what `overrides` names replaced whole."""
    said = {name: getattr(version, name) for name in Resolved.__slots__}
    return Resolved(**{**said, **(overrides or {})})
