"""What the API answers about snapshots and comparisons, for the OpenAPI document."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from api.answers_tasks import TokenUsage


class SnapshotAnswer(BaseModel):
    id: str
    type: Literal["snapshot"]
    session_id: str
    name: str
    at: int = Field(description="Up to this message of the ledger")
    context: int = Field(description="The number of the context that was sent then")
    created_at: datetime


class SnapshotPage(BaseModel):
    data: list[SnapshotAnswer]
    next_page: str | None


class DeletedSnapshot(BaseModel):
    id: str
    type: Literal["snapshot_deleted"]


class CommonPoint(BaseModel):
    session_id: str
    at: int


class ComparedSide(BaseModel):
    """What came after the common point, on one side."""

    session_id: str
    at: int
    messages: int
    usage: TokenUsage
    cost_usd: float | None


class ComparisonAnswer(BaseModel):
    type: Literal["comparison"]
    common: CommonPoint | None = Field(description="The last message that both have; null: they are not related")
    snapshot: ComparedSide
    other: ComparedSide
