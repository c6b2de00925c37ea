"""What callers send about tasks."""

from typing import Annotated, Any, Literal

from pydantic import Field, StrictInt

from api.agents import Agent, AgentWithOverrides
from api.content import Content, saying, verbatim
from api.paging import TimeQuery
from api.schemas_budgets import OwnBudget
from api.text import Metadata, Moment, Name, Spoken, Strict, Text
from overnight.ceilings import Ceiling
from overnight.errors import InvalidRequest
from overnight.states import Priority, TaskStatus
from overnight.store.submissions import NewTask
from overnight.store.task_limits import TaskLimits

MaxTokens = Annotated[StrictInt, Field(ge=1, le=1_000_000)]
MaxSteps = Annotated[StrictInt, Field(ge=1, le=1_000_000, description="Requests to Claude; null: the agent's limit")]
Deadline = Annotated[Moment, Field(description="The task fails when it is not done by then; with its time zone")]

#: These describe a session, so they say nothing about one that exists.
OF_A_NEW_SESSION = ("environment_id", "context_key", "model", "system", "max_tokens", "title")


class TaskRequest(Strict):
    """One of `prompt` and `content`. Without `session_id`: into the open session of `context_key`, or a new one.

    With it, `agent` says whose turn it is in that session; left out: its own agent's.
    """

    prompt: Spoken | None = None
    content: Content | None = None
    session_id: Text | None = None
    context_key: Name | None = None
    agent: Agent | None = None
    environment_id: Text | None = None
    model: Name | None = None
    system: Text | None = None
    max_tokens: MaxTokens | None = None
    user_id: Name | None = None
    title: Text | None = None
    metadata: Metadata = Field(default_factory=dict)
    not_before: Moment | None = None
    deadline: Deadline | None = None
    max_steps: MaxSteps | None = None
    budget: OwnBudget | None = None
    dry_run: Annotated[bool, Field(strict=True, description="Only tell what it would take")] = False
    priority: Annotated[
        Priority, Field(description="Who goes first when Claude's limits are near: `background` comes after the others")
    ] = Priority.INTERACTIVE

    def check(self) -> None:
        """What no single field can know. Raises `InvalidRequest`."""
        if self.prompt is None and self.content is None:
            raise InvalidRequest("prompt: say what to do, here or as content blocks in 'content'", field="prompt")
        if self.prompt is not None and self.content is not None:
            raise InvalidRequest("content: cannot be given together with prompt; send one of them", field="content")
        if self.deadline is not None and self.not_before is not None and self.deadline <= self.not_before:
            raise InvalidRequest("deadline: must be later than not_before", field="deadline")
        for name in OF_A_NEW_SESSION if self.session_id is not None else ():
            if getattr(self, name) is not None:
                raise InvalidRequest(
                    f"{name}: belongs to a new session; leave it out, or leave out session_id", field=name
                )
        if self.session_id is not None and isinstance(self.agent, AgentWithOverrides):
            why = "overrides belong to a new session; name an agent and its version, or leave out session_id"
            raise InvalidRequest(f"agent: {why}", field="agent")

    def new_task(self) -> NewTask:
        said: list[dict[str, Any]] = saying(self.prompt) if self.prompt is not None else verbatim(self.content or [])
        return NewTask(
            said,
            labels=self.metadata,
            user_id=self.user_id,
            not_before=self.not_before,
            deadline=self.deadline,
            max_steps=self.max_steps,
            budget=self.budget.ceiling if self.budget else Ceiling(),
            priority=self.priority,
        )


class TaskChange(Strict):
    """Null removes the budget."""

    budget: OwnBudget | None


class RetryRequest(Strict):
    """Limits to raise; what is left out stays as it was."""

    max_steps: MaxSteps | None = None
    deadline: Deadline | None = None

    def limits(self) -> TaskLimits:
        return TaskLimits(self.max_steps, self.deadline)


class TaskQuery(Strict):
    wait: Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)] = 0.0
    beta: str | None = Field(default=None, json_schema_extra={"deprecated": True})


class TaskList(TimeQuery):
    session_id: Text | None = None
    statuses: list[TaskStatus] = Field(default=[], alias="statuses[]")
    user_id: Text | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20


Order = Literal["asc", "desc"]
