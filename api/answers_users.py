"""What the API answers about users, retention and the audit log, for the OpenAPI document."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from api.answers_budgets import BudgetAnswer
from overnight.states import Removal


class UserAnswer(BaseModel):
    """`created_at` null: nobody has said anything about the user yet."""

    id: str
    type: Literal["user"]
    profile: dict[str, Any] = Field(description="In the system prompt of the sessions that begin for the user")
    sessions: int = Field(description="List them with `GET /v1/sessions?user_id=`")
    open_sessions: int
    last_active_at: datetime | None
    budgets: list[BudgetAnswer]
    created_at: datetime | None
    updated_at: datetime | None


class UserPage(BaseModel):
    data: list[UserAnswer]
    next_page: str | None


class TombstoneAnswer(BaseModel):
    """That something was removed, or is being: `finished_at` null. Nothing of what was in it."""

    id: str
    type: Literal["tombstone"]
    kind: Removal
    subject_id: str
    actor: str = Field(description="The id of the key that asked for it, or `retention`")
    removed: dict[str, int] = Field(description="Rows by table, so far")
    created_at: datetime
    finished_at: datetime | None


class AuditPage(BaseModel):
    data: list[TombstoneAnswer]
    next_page: str | None


class KeptFor(BaseModel):
    """Days; zero: for ever, but of `deleted`: not at all."""

    idle_days: float
    archived_days: float
    deleted_days: float
    transcript_days: float


class OwnRetention(BaseModel):
    idle_days: float | None
    archived_days: float | None
    deleted_days: float | None
    transcript_days: float | None


class RetentionAnswer(BaseModel):
    """What holds in the workspace, and what of it the workspace says itself."""

    type: Literal["retention"]
    holds: KeptFor
    workspace: OwnRetention
    updated_at: datetime | None


class ImportedUser(UserAnswer):
    imported_sessions: list[str] = Field(description="Their new ids, in the order of the file")
    imported_transcripts: int
