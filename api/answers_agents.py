"""What the API answers about agents, for the OpenAPI document."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from api.answers_endings import OwnExpiry
from overnight.models import DEFAULT_AGENT


class ModelOfAgent(BaseModel):
    id: str


class AgentSnapshot(BaseModel):
    """An agent as it was when a session was created, with what the session replaces of it."""

    id: str = Field(examples=[DEFAULT_AGENT])
    type: Literal["agent"]
    name: str
    version: int
    model: ModelOfAgent
    system: str | None
    description: str | None
    tools: list[dict[str, Any]]
    mcp_servers: list[dict[str, Any]]
    skills: list[Any]
    multiagent: None
    execution_identity: dict[str, str]


class LimitsOfAgent(BaseModel):
    max_steps: int = Field(description="Requests to Claude that one task makes at most")
    max_tokens: int = Field(description="The longest reply")
    max_retry_age: float = Field(description="Seconds after which a step that keeps failing is given up")


class HistoryOfAgent(BaseModel):
    type: Literal["compact", "window", "full"]
    max_tokens: int | None = None
    max_messages: int | None = None


class AgentAnswer(AgentSnapshot):
    """A Managed Agents agent, and what Overnight adds: `limits`, `history` and `expiry`."""

    metadata: dict[str, str]
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    limits: LimitsOfAgent
    history: HistoryOfAgent
    expiry: OwnExpiry | None = Field(description="How its sessions end")


class AgentPage(BaseModel):
    data: list[AgentAnswer]
    next_page: str | None
