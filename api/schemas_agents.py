"""What callers send about agents."""

from typing import Annotated, Literal, Self

from pydantic import Field, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from api.agents import ModelChoice, Version
from api.paging import ListQuery, TimeQuery
from api.schemas_endings import Expiry
from api.schemas_mcp import McpServers
from api.schemas_tasks import MaxTokens
from api.schemas_tools import Tools
from api.text import Metadata, MetadataPatch, Name, Strict, Text

MaxSteps = Annotated[StrictInt, Field(ge=1, le=1_000_000)]
#: Seconds, at most a year.
RetryAge = Annotated[float, Field(strict=True, ge=0, le=31_536_000, allow_inf_nan=False)]
PageSize = Annotated[int, Field(ge=1, le=100)]


class Limits(Strict):
    """Null, or left out of a new agent: the server's setting. Left out of a change: as it is."""

    max_steps: MaxSteps | None = None
    max_tokens: MaxTokens | None = None
    max_retry_age: RetryAge | None = None


class History(Strict):
    """What of a long conversation is sent: summarised, its newest part, or all of it; and where it is cut."""

    type: Literal["compact", "window", "full"]
    max_tokens: Annotated[StrictInt, Field(ge=1_000, le=10_000_000)] | None = None
    max_messages: Annotated[StrictInt, Field(ge=4, le=1_000_000)] | None = None

    @model_validator(mode="after")
    def bound_what_is_cut(self) -> Self:
        if self.type == "full" and (self.max_tokens or self.max_messages):
            raise PydanticCustomError("unbounded", "'full' takes no limits; use 'window' or 'compact'")
        return self


class AgentRequest(Strict):
    name: Name
    model: ModelChoice
    description: Text | None = None
    system: Text | None = None
    tools: Tools = Field(default_factory=list)
    mcp_servers: McpServers = Field(default_factory=list)
    metadata: Metadata = Field(default_factory=dict)
    limits: Limits = Field(default_factory=Limits)
    history: History | None = None
    expiry: Expiry | None = None


class AgentChange(Strict):
    """What is left out stays as it is. Lists are replaced whole; null clears what can be empty."""

    version: Version | None = None
    name: Name = Field(default_factory=str)
    model: ModelChoice = Field(default_factory=str)
    description: Text | None = None
    system: Text | None = None
    tools: Tools | None = None
    mcp_servers: McpServers | None = None
    metadata: MetadataPatch = Field(default_factory=dict)
    limits: Limits = Field(default_factory=Limits)
    history: History | None = None
    expiry: Expiry | None = None


class AgentQuery(Strict):
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    beta: str | None = Field(default=None, json_schema_extra={"deprecated": True})


class AgentList(TimeQuery):
    include_archived: bool = False
    limit: PageSize = 20


class VersionList(ListQuery):
    limit: PageSize = 20
