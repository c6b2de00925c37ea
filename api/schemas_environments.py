"""What callers send about environments, and what environments' workers send about their work."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.paging import ListQuery
from api.text import Metadata, MetadataPatch, Name, Strict, Text, moment
from overnight.store.work_turns import NO_HEARTBEAT

PageSize = Annotated[int, Field(ge=1, le=100)]
LONGEST_TTL = 3_600


def _self_hosted(kind: Any) -> Any:
    if kind == "cloud":
        raise PydanticCustomError("planned", "environments of type 'cloud' are not supported; use 'self_hosted'")
    return kind


def _organization(scope: Any) -> Any:
    if scope == "account":
        raise PydanticCustomError("planned", "'account' is not supported; use 'organization', or leave it out")
    return scope


class SelfHosted(Strict):
    type: Annotated[Literal["self_hosted"], BeforeValidator(_self_hosted)]


Scope = Annotated[Literal["organization"], BeforeValidator(_organization)]


class EnvironmentRequest(Strict):
    name: Name
    config: SelfHosted | None = None
    description: Text | None = None
    metadata: Metadata = Field(default_factory=dict)
    scope: Scope | None = None


class EnvironmentChange(Strict):
    """What is left out stays as it is. A description of null clears it; null or "" takes a pair of metadata away."""

    name: Name | None = None
    config: SelfHosted | None = None
    description: Text | None = None
    metadata: MetadataPatch = Field(default_factory=dict)
    scope: Scope | None = None


class EnvironmentList(ListQuery):
    include_archived: bool = False
    limit: PageSize = 20


class WorkList(ListQuery):
    limit: PageSize = 20


class PollQuery(Strict):
    """Milliseconds. `reclaim_older_than_ms`: what was polled so long ago and not acknowledged is given out again."""

    block_ms: Annotated[int, Field(ge=1, le=999)] | None = None
    reclaim_older_than_ms: Annotated[int, Field(ge=0, le=86_400_000)] | None = None
    beta: str | None = Field(default=None, json_schema_extra={"deprecated": True})


def _heartbeat(value: Any) -> str | datetime:
    if value == NO_HEARTBEAT:
        return NO_HEARTBEAT
    try:
        return moment(value)
    except PydanticCustomError:
        message = "must be NO_HEARTBEAT at first, then last_heartbeat as it was answered"
        raise PydanticCustomError("heartbeat", message) from None


Heartbeat = Annotated[str | datetime, BeforeValidator(_heartbeat), WithJsonSchema({"type": "string"})]


class HeartbeatQuery(Strict):
    """Without `expected_last_heartbeat`, whichever is stored is taken."""

    desired_ttl_seconds: Annotated[int, Field(ge=1)] | None = None
    expected_last_heartbeat: Heartbeat | None = None
    beta: str | None = Field(default=None, json_schema_extra={"deprecated": True})

    def ttl(self, usual: int) -> int:
        return usual if self.desired_ttl_seconds is None else min(self.desired_ttl_seconds, LONGEST_TTL)


class StopRequest(Strict):
    force: StrictBool = False


class WorkChange(Strict):
    metadata: MetadataPatch


WorkerId = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,255}$")]
