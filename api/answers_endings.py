"""What the API answers about how sessions end, for the OpenAPI document."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from overnight.states import OnExpiry, Origin


class OwnExpiry(BaseModel):
    """What is said at this place; what is left out is as those say that are wider. Seconds and counts; zero: never."""

    idle_ttl: float | None = None
    max_age: float | None = None
    max_messages: int | None = None
    max_tokens: int | None = None
    on_expiry: OnExpiry | None = None


class HeldExpiry(BaseModel):
    idle_ttl: float
    max_age: float
    max_messages: int
    max_tokens: int
    on_expiry: OnExpiry


class ExpiryAnswer(BaseModel):
    """What holds for sessions of the workspace of which neither agent nor session says otherwise."""

    type: Literal["expiry"]
    holds: HeldExpiry
    workspace: OwnExpiry
    resume: Origin | None = Field(description="With what an archived session goes on by itself when a task comes")
    notice: float = Field(description="Seconds before its end at which a session says so: the server's")
    updated_at: datetime | None
