"""What the API answers about sessions, their events and messages, for the OpenAPI document."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.answers_agents import AgentSnapshot
from api.answers_endings import OwnExpiry
from api.answers_tasks import AgentNamed, TokenUsage
from overnight.states import ArchiveReason, WaitReason
from overnight.store.session_pages import SessionState, SessionStatus


class Money(BaseModel):
    amount: str = Field(description="Whole cents")
    currency: Literal["USD"]


class BudgetLimit(BaseModel):
    """What of it is not limited is left out; tokens are Overnight's own."""

    type: Literal["limit"]
    max_list_cost: Money | None = None
    max_tokens: int | None = None


class SessionUsage(TokenUsage):
    list_cost: Money | None


class SessionAnswer(BaseModel):
    """A Managed Agents session, and what Overnight adds from `context_key` on."""

    id: str
    type: Literal["session"]
    status: SessionStatus
    agent: AgentSnapshot
    environment_id: str
    deployment_id: None
    title: str | None
    metadata: dict[str, str]
    resources: list[Any]
    vault_ids: list[str]
    budget: BudgetLimit | None
    outcome_evaluations: list[Any]
    stats: dict[str, float]
    usage: SessionUsage
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    context_key: str | None
    user_id: str | None
    model: str
    max_tokens: int
    summary: str | None = Field(description="What Claude wrote about the session before it was archived")
    archive_reason: ArchiveReason | None
    notes: str | None
    state: SessionState
    wait_reason: WaitReason | None = Field(description="Of its first unfinished task")
    message_count: int = Field(description="Of its ledger")
    last_active_at: datetime = Field(description="When something was last done or said in it")
    duration_seconds: float = Field(description="From its beginning to when it was last active")
    expires_at: datetime | None = Field(description="If nobody uses it any more; null: it does not expire, or works")
    paused_at: datetime | None
    forked_from: str | None
    forked_at: int | None = Field(description="The last message that it shares with the session it was forked from")
    cost_usd: float | None
    expiry: OwnExpiry | None = Field(description="What the session says itself of how it ends")
    kept_until: datetime | None = Field(description="No limit ends it before")
    archiving_since: datetime | None = Field(
        description="When somebody wished it archived with a summary, which is not done yet"
    )
    continues: str | None = Field(description="The session that ended and goes on in this one")
    continued_by: str | None


class SessionPage(BaseModel):
    data: list[SessionAnswer]
    next_page: str | None
    prev_page: str | None


class DeletedSession(BaseModel):
    id: str
    type: Literal["session_deleted"]


class EventAnswer(BaseModel):
    """An event; its type says what else is in it."""

    model_config = ConfigDict(extra="allow")

    id: str
    type: str
    processed_at: datetime | None
    task_id: str | None = None


class EventPage(BaseModel):
    data: list[EventAnswer]
    next_page: str | None


class SentEvents(BaseModel):
    data: list[EventAnswer]


class MessageAnswer(BaseModel):
    """A message of the ledger, verbatim as sent to or received from Claude."""

    id: str | None = Field(description="Claude's id of its message")
    seq: int
    role: Literal["user", "system", "assistant"]
    content: list[dict[str, Any]]
    model: str | None
    stop_reason: str | None
    task_id: str
    agent: AgentNamed | None = Field(description="In whose turn it was said; null: the session's own agent's")
    context: int | None = Field(description="Of a reply: the context that it was asked with")
    pinned: bool
    created_at: datetime


class MessagePage(BaseModel):
    data: list[MessageAnswer]
    next_page: str | None


class SentMessage(BaseModel):
    role: Literal["user", "system", "assistant"]
    content: list[dict[str, Any]]


class SentPage(BaseModel):
    """What was sent for a reply, made again of the ledger; all of it on one page."""

    data: list[SentMessage]
    next_page: None
    system: str | None
    context: int = Field(description="Counted from 0, with each cut and reset")
    context_from: int = Field(description="The ledger was sent from after this message, and of before what is kept")
