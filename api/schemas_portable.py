"""Files of sessions and users as they come in: each field by name, as `overnight.portable` writes them."""

import json
import types
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, create_model
from pydantic_core import PydanticCustomError, PydanticUndefined
from sqlalchemy import BigInteger

from api.defining import definition
from api.schemas_agents import AgentRequest, History, Limits, MaxSteps, RetryAge
from api.schemas_mcp import McpServers
from api.schemas_sessions import AgentPatch
from api.schemas_tasks import MaxTokens
from api.schemas_tools import Tools
from api.schemas_users import Profile
from api.text import Metadata, Moment, Name, Strict, Text, sendable
from overnight.errors import InvalidRequest
from overnight.keeping_models import MAIN
from overnight.portable.document import Document
from overnight.portable.sections import (
    AGENT,
    MESSAGES,
    SECTIONS,
    SESSION,
    SESSION_FORMAT,
    TAKEN_OVER,
    TASKS,
    TOOL_CALLS,
    USER_FORMAT,
    VERSION,
    Section,
    wire_name,
)
from overnight.settings import Settings
from overnight.states import (
    ArchiveReason,
    AskedBecause,
    CallStatus,
    Life,
    Priority,
    StopRequest,
    TaskStatus,
    WaitReason,
)
from overnight.store.agents import Definition
from overnight.store.json_text import JsonText
from overnight.store.sealed import SealedJson
from overnight.tools.kinds import Kind

#: With room to count on in the columns that take them.
Number = Annotated[StrictInt, Field(ge=0, le=2**53)]
Small = Annotated[StrictInt, Field(ge=0, le=10**9)]
#: Deeper than anything that is said or done, and not too deep to be looked through.
DEEPEST = 200


def sound(value: Any) -> Any:
    """What is JSON, and not too deep to be written again."""
    too_deep = PydanticCustomError("too_deep", "is nested too deeply; at most {deepest} levels", {"deepest": DEEPEST})
    try:
        text = json.dumps(value, allow_nan=False)
    except ValueError:
        raise PydanticCustomError("not_finite", "must not contain NaN or infinities, no JSON") from None
    except RecursionError:
        raise too_deep from None
    if text.count("[") + text.count("{") > DEEPEST and not _is_shallow(value):
        raise too_deep
    return value


def _is_shallow(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [inner for outer in level for inner in _inside(outer)]
    return not level


def _inside(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def of_blocks(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the history is made of is looked into everywhere."""
    for place, block in enumerate(content):
        if not isinstance(block.get("type"), str):
            raise PydanticCustomError("block", "has a block without a type, number {place}", {"place": place})
    return content


Blocks = Annotated[list[dict[str, Any]], AfterValidator(sound), AfterValidator(of_blocks)]
#: What columns may hold beyond their type.
STATES: dict[str, dict[str, Any]] = {
    SESSION.name: {
        "life": Literal[Life.ACTIVE, Life.PAUSED, Life.ARCHIVED],
        "archive_reason": ArchiveReason | None,
        "overrides": AgentPatch | None,
        "model": Name,
        "max_tokens": MaxTokens,
        "context_key": Name | None,
        "user_id": Name | None,
        "labels": Metadata,
    },
    TASKS.name: {
        "status": TaskStatus,
        "wait_reason": WaitReason | None,
        "stop_request": StopRequest | None,
        "priority": Priority,
        "user_id": Name | None,
        "labels": Metadata,
        "content": Blocks,
    },
    TOOL_CALLS.name: {"status": CallStatus, "asked_because": AskedBecause | None, "kind": Kind},
    MESSAGES.name: {"role": Literal["user", "system", "assistant"], "content": Blocks},
}


FORMATS = {
    SESSION_FORMAT: "is a session's file; send it to POST /v1/sessions/import",
    USER_FORMAT: "is a user's file; send it to POST /v1/users/{user_id}/import",
}


def _of_format(wanted: str) -> Any:
    def check(value: Any) -> Any:
        if value != wanted:
            other = FORMATS.get(value) if isinstance(value, str) else None
            raise PydanticCustomError("format", other or "is none of ours; give a file that Overnight has exported")
        return value

    return BeforeValidator(check)


def _of_version(value: Any) -> Any:
    if value != VERSION:
        said = {"version": sendable(str(value)[:20]), "ours": VERSION}
        raise PydanticCustomError("version", "is {version}, and this Overnight reads {ours}; bring it up to date", said)
    return value


def _wanted(section: Section, name: str) -> Any:
    """The type of a field, as strict as what is sent elsewhere."""
    column = section.table.__table__.c[name]  # type: ignore[attr-defined]
    said = section.table.model_fields[name].annotation
    if name in STATES.get(section.name, {}):
        return STATES[section.name][name]
    if isinstance(column.type, JsonText | SealedJson):
        return Annotated[said, AfterValidator(sound)]
    return _strict(said, Number if isinstance(column.type, BigInteger) else Small)


def _strict(said: Any, number: Any) -> Any:
    if get_origin(said) in (Union, types.UnionType):
        return Union[tuple(_strict(one, number) for one in get_args(said))]  # noqa: UP007 (made of a list)
    strict: dict[Any, Any] = {str: Text, int: number, bool: StrictBool, datetime: Moment}
    return strict.get(said, said)


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _default(section: Section, name: str) -> Any:
    """None only where the column takes it: what is left out is null, and the database would refuse that."""
    default = section.table.model_fields[name].default
    is_wanted = default is None and not section.table.__table__.c[name].nullable  # type: ignore[attr-defined]
    return ... if is_wanted or default is PydanticUndefined else default


def _row(section: Section) -> Any:
    fields: dict[str, Any] = {}
    for name in section.columns:
        wire = wire_name(name)
        given = Field(_default(section, name), alias=None if wire == name else wire)
        fields[name] = (_wanted(section, name), given)
    title = "Exported" + section.name.title().replace("_", "").removesuffix("s")
    return create_model(title, __base__=_Row, __doc__=section.table.__doc__, **fields)


class File(Strict):
    """What every file says of itself."""

    version: Annotated[Literal[1], BeforeValidator(_of_version)]
    exported_at: Moment


class SessionContents(File):
    """A session that was exported: `GET /v1/sessions/{session_id}/export`."""

    format: Annotated[Literal["overnight.session"], _of_format(SESSION_FORMAT)]

    def document(self, settings: Settings, place: str = "") -> Document:
        """Raises `InvalidRequest` where its agent's tools do not go together."""
        rows = {section.name: [vars(row) for row in getattr(self, section.name)] for section in TAKEN_OVER}
        said: Any = vars(getattr(self, SESSION.name))
        overrides: AgentPatch | None = said["overrides"]
        agent: ExportedAgent | None = getattr(self, AGENT.name)
        return Document(
            {**said, "overrides": overrides.overrides() if overrides else None},
            None if agent is None else agent.said(settings, place),
            exported_at=self.exported_at,
            place=place,
            **rows,
        )


class ExportedAgent(Strict):
    """What the version says with which the session began: as strict as an agent that is created."""

    name: Name
    description: Text | None = None
    model: Name
    system: Text | None = None
    tools: Tools
    mcp_servers: McpServers
    metadata: Metadata
    max_steps: MaxSteps
    max_tokens: MaxTokens
    max_retry_age: RetryAge
    history: History

    def said(self, settings: Settings, place: str) -> dict[str, Any]:
        limits = Limits(max_steps=self.max_steps, max_tokens=self.max_tokens, max_retry_age=self.max_retry_age)
        fields = {name: getattr(self, name) for name in ExportedAgent.model_fields.keys() & AgentRequest.model_fields}
        try:
            whole = definition(AgentRequest.model_construct(**fields, limits=limits), settings)
        except InvalidRequest as error:
            raise InvalidRequest(f"{place}agent.{error.message}", field=f"{place}agent") from None
        return {name: getattr(whole, name) for name in Definition.__slots__}


OF_A_SESSION: dict[str, Any] = {
    SESSION.name: (_row(SESSION), ...),
    AGENT.name: (ExportedAgent | None, None),
    **{section.name: (list[_row(section)], ...) for section in SECTIONS},  # type: ignore[misc]
}
if TYPE_CHECKING:
    SessionFile = SessionContents
else:
    SessionFile = create_model("SessionFile", __base__=SessionContents, **OF_A_SESSION)


class Transcript(Strict):
    """Of the Claude Agent SDK."""

    project_key: Annotated[Text, Field(min_length=1)]
    session_id: Annotated[Text, Field(min_length=1)]
    subpath: Text = MAIN
    summary: Annotated[dict[str, Any] | None, AfterValidator(sound)] = None
    entries: list[Annotated[dict[str, Any], AfterValidator(sound)]]


class ExportedUser(Strict):
    id: Name
    profile: Profile


class UserFile(File):
    """A user who was exported: `GET /v1/users/{user_id}/export`."""

    format: Annotated[Literal["overnight.user"], _of_format(USER_FORMAT)]
    user: ExportedUser
    sessions: list[SessionFile]
    transcripts: list[Transcript]
