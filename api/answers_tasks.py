"""What the API answers about tasks, for the OpenAPI document."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from overnight.states import AskedBecause, Priority, TaskStatus, WaitReason


class TokenUsage(BaseModel):
    """The three kinds of input are disjoint."""

    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int
    cache_read_input_tokens: int


class Progress(BaseModel):
    note: str
    fraction: float | None = Field(description="From 0 to 1; null where the agent cannot tell")


class PendingCall(BaseModel):
    """A tool call that somebody must answer, with an event of type `user.` + its type."""

    id: str = Field(description="Of the event that asks for the call: what the answer names")
    type: Literal["tool_confirmation", "custom_tool_result"]
    name: str
    input: dict[str, Any]
    because: AskedBecause | None = Field(
        default=None,
        description="Of a confirmation. `crash`: its worker died while it ran; to allow it runs it again",
    )
    question: str | None = Field(default=None, description="Of ask_human")
    choices: list[str] | None = Field(default=None, description="Of ask_human: answers to choose from, if there are")


class TaskError(BaseModel):
    model_config = ConfigDict(extra="allow")

    type: str
    message: str


class TaskBudget(BaseModel):
    max_usd: float | None
    max_tokens: int | None


class AgentNamed(BaseModel):
    id: str
    version: int


class TaskAnswer(BaseModel):
    """One turn of a session. `cost_usd` is null where a model without a listed price was used."""

    id: str
    type: Literal["task"]
    session_id: str
    status: TaskStatus
    wait_reason: WaitReason | None
    due_at: datetime | None = Field(description="When a waiting task goes on; null: when somebody answers")
    attempts: int = Field(description="Failed tries of the step at hand")
    steps: int
    max_steps: int | None = Field(description="Null: the limit of its agent")
    deadline: datetime | None
    priority: Priority
    budget: TaskBudget | None
    progress: Progress | None = Field(description="As its agent reported last")
    pending: list[PendingCall] = Field(description="Calls that somebody must answer, whether it waits already or not")
    output: str | None = Field(description="The text of the answer")
    error: TaskError | None = Field(description="Why it failed, or what it waits to try again after")
    stop_reason: str | None
    usage: TokenUsage
    cost_usd: float | None
    user_id: str | None
    agent: AgentNamed | None = Field(description="Whose turn it is; null: the session's own agent's")
    metadata: dict[str, str]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class AcceptedTask(TaskAnswer):
    queue_position: int = Field(description="Tasks of the session that come first")


class UsualTask(BaseModel):
    """What tasks of the agent took of late, on average."""

    tasks: int = Field(description="So many were looked at")
    requests: float
    input_tokens: int
    output_tokens: int
    cost_usd: float | None


class TaskEstimate(BaseModel):
    """What a task would take; nothing is stored. The tokens are those of its first request."""

    type: Literal["task_estimate"]
    session_id: str | None = Field(description="Null: it would begin a new one")
    model: str
    queue_position: int = Field(description="Tasks of the session that come first")
    input_tokens: int
    output_tokens: int
    cost_usd: float | None = Field(description="Null: the model has no listed price")
    usual: UsualTask | None


class TaskPage(BaseModel):
    data: list[TaskAnswer]
    next_page: str | None
