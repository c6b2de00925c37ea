"""What callers send about sessions and their events."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, Tag
from pydantic_core import PydanticCustomError

from api.agents import Agent
from api.content import Content, one_of, verbatim
from api.paging import ListQuery, TimeQuery, earliest, latest
from api.schemas_answers import CustomToolResult, NoThread, ToolConfirmation, ToolResult
from api.schemas_budgets import Budget
from api.schemas_endings import Expiry
from api.schemas_mcp import McpServers
from api.schemas_tasks import MaxTokens, Order
from api.schemas_tools import Tools
from api.text import Metadata, MetadataPatch, Moment, Name, Spoken, Strict, Text
from overnight.errors import InvalidRequest
from overnight.event_types import (
    SYSTEM_MESSAGE,
    USER_CONFIRMATION,
    USER_CUSTOM_RESULT,
    USER_INTERRUPT,
    USER_MESSAGE,
    USER_TOOL_RESULT,
)
from overnight.models import DEFAULT_AGENT, DEFAULT_ENVIRONMENT
from overnight.store.session_pages import Filter, SessionState, SessionStatus
from overnight.store.submissions import NewTask

#: Managed Agents' other events of clients.
PLANNED_EVENTS = frozenset({"user.define_outcome"})


def _supported(event: Any) -> Any:
    kind = event.get("type") if isinstance(event, dict) else None
    if isinstance(kind, str) and kind in PLANNED_EVENTS:
        raise PydanticCustomError("planned", "events of type '{kind}' are not supported yet", {"kind": kind})
    return event


class UserMessage(Strict):
    type: Literal["user.message"]
    content: Content

    def new_task(self, note: "SystemMessage | None" = None) -> NewTask:
        return NewTask(verbatim(self.content), note=note.blocks() if note else None)


class SystemText(Strict):
    type: Literal["text"]
    text: Spoken


class SystemMessage(Strict):
    """For the turn of the `user.message` before it, and all that follow."""

    type: Literal["system.message"]
    content: Annotated[list[SystemText], Field(min_length=1, max_length=1_000)]

    def blocks(self) -> list[dict[str, Any]]:
        return verbatim(self.content)


class UserInterrupt(Strict):
    type: Literal["user.interrupt"]
    session_thread_id: NoThread = None


Supported = BeforeValidator(_supported)
FirstEvent = Annotated[UserMessage, Supported]
Event = Annotated[
    Annotated[UserMessage, Tag(f"<{USER_MESSAGE}>")]
    | Annotated[UserInterrupt, Tag(f"<{USER_INTERRUPT}>")]
    | Annotated[ToolConfirmation, Tag(f"<{USER_CONFIRMATION}>")]
    | Annotated[CustomToolResult, Tag(f"<{USER_CUSTOM_RESULT}>")]
    | Annotated[ToolResult, Tag(f"<{USER_TOOL_RESULT}>")]
    | Annotated[SystemMessage, Tag(f"<{SYSTEM_MESSAGE}>")],
    one_of(USER_MESSAGE, USER_INTERRUPT, USER_CONFIRMATION, USER_CUSTOM_RESULT, USER_TOOL_RESULT, SYSTEM_MESSAGE),
    Supported,
]


class SessionRequest(Strict):
    agent: Agent = DEFAULT_AGENT
    environment_id: Text = DEFAULT_ENVIRONMENT
    initial_events: list[FirstEvent] = Field(default_factory=list, max_length=50)
    budget: Budget | None = None
    title: Text | None = None
    metadata: Metadata = Field(default_factory=dict)
    context_key: Name | None = None
    user_id: Name | None = None
    notes: Text | None = None
    max_tokens: MaxTokens | None = None
    expiry: Expiry | None = None


class AgentPatch(Strict):
    """Lists are replaced whole; what is left out stays."""

    tools: Tools = Field(default_factory=list)
    mcp_servers: McpServers = Field(default_factory=list)

    def overrides(self) -> dict[str, Any]:
        said = {
            "tools": [tool.resolved() for tool in self.tools],
            "mcp_servers": [server.resolved() for server in self.mcp_servers],
        }
        return {name: value for name, value in said.items() if name in self.model_fields_set}


class SessionChange(Strict):
    """What is left out stays as it is; null clears."""

    title: Text | None = None
    metadata: MetadataPatch | None = None
    budget: Budget | None = None
    agent: AgentPatch | None = None
    notes: Text | None = None
    context_key: Name | None = None
    user_id: Name | None = None
    max_tokens: MaxTokens = Field(default_factory=int)
    expiry: Expiry | None = None


class SessionList(TimeQuery):
    agent_id: Text | None = None
    agent_version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    statuses: list[SessionStatus] = Field(default=[], alias="statuses[]")
    states: list[SessionState] = Field(default=[], alias="states[]")
    include_archived: bool = False
    user_id: Text | None = None
    context_key: Text | None = None
    title: Annotated[Text | None, Field(description="A part of it, in whatever case")] = None
    metadata: list[Text] = Field(default=[], alias="metadata[]", description="`name`, or `name=value`; all of them")
    forked_from: Text | None = None
    active_gt: Moment | None = Field(default=None, alias="last_active_at[gt]")
    active_gte: Moment | None = Field(default=None, alias="last_active_at[gte]")
    active_lt: Moment | None = Field(default=None, alias="last_active_at[lt]")
    active_lte: Moment | None = Field(default=None, alias="last_active_at[lte]")
    order: Order = "desc"
    limit: Annotated[int, Field(ge=1, le=100)] = 20

    def wanted(self, *, oldest_first: bool) -> Filter:
        pairs = (pair.partition("=") for pair in self.metadata)
        return Filter(
            statuses=self.statuses,
            states=self.states,
            include_archived=self.include_archived,
            user_id=self.user_id,
            context_key=self.context_key,
            title=self.title,
            labels={name: value if equals else None for name, equals, value in pairs},
            forked_from=self.forked_from,
            active_since=earliest(self.active_gte, self.active_gt),
            active_until=latest(self.active_lte, self.active_lt),
            agent_id=self.agent_id,
            agent_version=self.agent_version,
            since=self.since,
            until=self.until,
            oldest_first=oldest_first,
        )

    def check(self) -> None:
        """Raises `InvalidRequest`."""
        if self.agent_version is not None and self.agent_id is None:
            raise InvalidRequest("agent_version: says nothing alone; send agent_id as well", field="agent_version")


class EventsRequest(Strict):
    events: Annotated[list[Event], Field(min_length=1, max_length=50)]


class EventList(TimeQuery):
    types: list[Text] = Field(default=[], alias="types[]")
    order: Order = "asc"
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class MessageList(ListQuery):
    """`as_sent`: the seq of a reply of Claude's, to see what was sent for it instead of the ledger."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    as_sent: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None


class StreamQuery(Strict):
    """`last_event_id` says what the header of that name does, for clients that cannot set it."""

    event_deltas: list[Literal["agent.message", "agent.thinking"]] = Field(default=[], alias="event_deltas[]")
    last_event_id: Text | None = None
    beta: str | None = Field(default=None, json_schema_extra={"deprecated": True})
