"""What the API answers about environments and their work, for the OpenAPI document."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from overnight.models import DEFAULT_ENVIRONMENT
from overnight.states import WorkState


class EnvironmentConfig(BaseModel):
    type: Literal["self_hosted"]


class EnvironmentAnswer(BaseModel):
    id: str = Field(examples=[DEFAULT_ENVIRONMENT])
    type: Literal["environment"]
    name: str
    config: EnvironmentConfig
    description: str | None
    metadata: dict[str, str]
    scope: Literal["organization"]
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


class EnvironmentPage(BaseModel):
    data: list[EnvironmentAnswer]
    next_page: str | None


class DeletedEnvironment(BaseModel):
    id: str
    type: Literal["environment_deleted"]


class SessionOfWork(BaseModel):
    type: Literal["session"]
    id: str


class WorkAnswer(BaseModel):
    """A session that waits for a worker of its environment, or has one."""

    id: str
    type: Literal["work"]
    environment_id: str
    data: SessionOfWork
    state: WorkState
    metadata: dict[str, str]
    secret: None = Field(description="A worker goes on with the key with which it polls")
    created_at: datetime
    acknowledged_at: datetime | None
    started_at: datetime | None
    latest_heartbeat_at: datetime | None
    stop_requested_at: datetime | None
    stopped_at: datetime | None


class WorkPage(BaseModel):
    data: list[WorkAnswer]
    next_page: str | None


class HeartbeatAnswer(BaseModel):
    type: Literal["work_heartbeat"]
    state: WorkState
    lease_extended: bool = Field(description="False: stop, the work is no longer yours")
    last_heartbeat: str = Field(description="What the next heartbeat expects")
    ttl_seconds: int


class WorkStats(BaseModel):
    type: Literal["work_queue_stats"]
    depth: int = Field(description="Items for workers to pick up, those of workers that fell silent included")
    pending: int = Field(description="Polled and not yet acknowledged")
    oldest_queued_at: datetime | None
    workers_polling: int = Field(description="That have polled in the last 30 seconds and said who they are")
