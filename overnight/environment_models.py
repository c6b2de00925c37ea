"""The tables of environments and of the work that their own workers poll."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from overnight.models import json_text, partial_index
from overnight.states import HELD, LIVE, WorkState, one_of


class Environment(SQLModel, table=True):
    """A place whose own workers run the agent toolset of its sessions."""

    __tablename__ = "environments"
    __table_args__ = (Index("environment_listing", "workspace_id", "created_at", "id"),)

    id: str = Field(primary_key=True)
    workspace_id: str
    name: str
    description: str | None = None
    labels: dict[str, str] = json_text()  # "metadata" on the wire
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None = None


class Work(SQLModel, table=True):
    """A session for a worker of its environment to attach to; whoever sent the last heartbeat has it."""

    __tablename__ = "work"
    __table_args__ = (
        CheckConstraint(one_of("state", WorkState), name="work_state"),
        CheckConstraint("(state = 'stopped') = (stopped_at IS NOT NULL)", name="work_stopped"),
        CheckConstraint(f"({one_of('state', HELD)}) = (expires_at IS NOT NULL)", name="work_held"),
        partial_index("work_of_session", "session_id", where=one_of("state", LIVE), unique=True),
        partial_index("work_live", "environment_id", "created_at", where=one_of("state", LIVE)),
        Index("work_listing", "environment_id", "created_at", "id"),
        Index("work_ever", "session_id"),
    )

    id: str = Field(primary_key=True)
    workspace_id: str
    environment_id: str
    session_id: str
    state: str = WorkState.QUEUED.value
    labels: dict[str, str] = json_text()
    attempts: int = 0  # workers in a row that brought no result
    ttl: int  # seconds of silence after which its worker has lost it
    due_at: datetime  # not polled before
    polled_at: datetime | None = None
    acknowledged_at: datetime | None = None
    started_at: datetime | None = None
    heartbeat_at: datetime | None = None
    expires_at: datetime | None = None
    stop_requested_at: datetime | None = None
    stopped_at: datetime | None = None
    created_at: datetime


class Poller(SQLModel, table=True):
    """A worker that polls an environment, for its numbers only."""

    __tablename__ = "pollers"

    environment_id: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    polled_at: datetime
