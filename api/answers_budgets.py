"""What the API answers about budgets and what was spent, for the OpenAPI document."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field

from api.answers_sessions import BudgetLimit
from api.answers_tasks import TokenUsage
from overnight.periods import Period


class BudgetAnswer(BaseModel):
    """`user_id` null: of the whole workspace."""

    id: str
    type: Literal["budget"]
    user_id: str | None
    period: Period
    max_usd: float | None
    max_tokens: int | None
    spent_usd: float = Field(description="In the period at hand, by listed prices")
    spent_tokens: int
    renews_at: datetime | None
    created_at: datetime
    updated_at: datetime


class BudgetPage(BaseModel):
    data: list[BudgetAnswer]
    next_page: str | None


class DeletedBudget(BaseModel):
    id: str
    type: Literal["budget_deleted"]


class CacheWrites(BaseModel):
    ephemeral_5m_input_tokens: int
    ephemeral_1h_input_tokens: int


class ServerTools(BaseModel):
    web_search_requests: int


class PaidUsage(TokenUsage):
    cache_creation: CacheWrites
    server_tool_use: ServerTools


class UsageRow(BaseModel):
    """Of one group: it has those of the first fields by which was grouped."""

    day: date | None = Field(default=None, description="In UTC")
    model: str | None = None
    agent_id: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    task_id: str | None = None
    purpose: str | None = None
    requests: int
    unpriced_requests: int = Field(description="Whose model has no listed price: cost_usd is without them")
    usage: PaidUsage
    cost_usd: float


class Storage(BaseModel):
    """Of archived sessions, what is packed: bytes that its rows had, and that are stored of them."""

    packed_rows: int
    bytes_before: int
    bytes_after: int


class UsagePage(BaseModel):
    since: datetime
    until: datetime
    storage: Storage | None = Field(description="As it is now; null: nothing is packed")
    data: list[UsageRow]
    next_page: str | None


class CallAnswer(BaseModel):
    """One request to Claude. `cost_usd` is null where its model has no listed price."""

    id: str
    type: Literal["model_call"]
    task_id: str | None
    model: str
    purpose: str
    outcome: Literal["kept", "discarded"]
    usage: PaidUsage
    cost_usd: float | None
    duration_ms: int
    created_at: datetime


class SessionUsagePage(BaseModel):
    """What the session has used in all, and the requests that make it up, oldest first."""

    session_id: str
    type: Literal["session_usage"]
    usage: TokenUsage
    cost_usd: float | None
    cached_share: float | None = Field(description="Of the input, what came from Claude's prompt cache: from 0 to 1")
    budget: BudgetLimit | None
    storage: Storage | None = Field(description="Null: nothing of the session is packed")
    data: list[CallAnswer]
    next_page: str | None
