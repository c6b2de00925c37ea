"""Files of sessions and users as they come in: each field by name, as `overnight.portable` writes them."""

import json
import types
from datetime import datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, create_model
from pydantic_core import PydanticCustomError, PydanticUndefined

from api.text import Moment, Name, Strict, Text
from overnight.portable.document import Document, Row
from overnight.portable.sections import (
    AGENT,
    CALLS,
    CONTEXTS,
    EVENTS,
    MESSAGES,
    PINS,
    SECTIONS,
    SESSION,
    SESSION_FORMAT,
    TASKS,
    TOOL_CALLS,
    USER_FORMAT,
    VERSION,
    Section,
    wire_name,
)
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
from overnight.store.json_text import JsonText
from overnight.tools.kinds import Kind

Number = Annotated[StrictInt, Field(ge=0, le=2**63 - 1)]
#: What columns may hold beyond their type.
STATES: dict[str, dict[str, Any]] = {
    SESSION.name: {"life": Literal[Life.ACTIVE, Life.PAUSED, Life.ARCHIVED], "archive_reason": ArchiveReason | None},
    TASKS.name: {
        "status": TaskStatus,
        "wait_reason": WaitReason | None,
        "stop_request": StopRequest | None,
        "priority": Priority,
    },
    TOOL_CALLS.name: {"status": CallStatus, "asked_because": AskedBecause | None, "kind": Kind},
    MESSAGES.name: {"role": Literal["user", "system", "assistant"]},
}


def _of_format(value: Any) -> Any:
    if value not in (SESSION_FORMAT, USER_FORMAT):
        raise PydanticCustomError("format", "is none of ours; give a file that Overnight has exported")
    return value


def _of_version(value: Any) -> Any:
    if value != VERSION:
        said = {"version": str(value)[:20], "ours": VERSION}
        raise PydanticCustomError("version", "is {version}, and this Overnight reads {ours}; bring it up to date", said)
    return value


def sound(value: Any) -> Any:
    """What is JSON, and not too deep to be written again."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        raise PydanticCustomError("not_finite", "must not contain NaN or infinities, which JSON does not know") from None
    except RecursionError:
        raise PydanticCustomError("too_deep", "is nested too deeply") from None
    return value


def _wanted(section: Section, name: str) -> Any:
    """The type of a field, as strict as what is sent elsewhere."""
    column = section.table.__table__.c[name]  # type: ignore[attr-defined]
    said = section.table.model_fields[name].annotation
    if name in STATES.get(section.name, {}):
        return STATES[section.name][name]
    if isinstance(column.type, JsonText):
        return Annotated[said, AfterValidator(sound)]
    return _strict(said)


def _strict(said: Any) -> Any:
    if get_origin(said) in (Union, types.UnionType):
        return Union[tuple(_strict(one) for one in get_args(said))]  # noqa: UP007 (made of a list)
    strict: dict[Any, Any] = {str: Text, int: Number, bool: StrictBool, datetime: Moment}
    return strict.get(said, said)


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


def _row(section: Section) -> type[_Row]:
    fields: dict[str, Any] = {}
    for name in section.columns:
        default = section.table.model_fields[name].default
        wire = wire_name(name)
        given = Field(... if default is PydanticUndefined else default, alias=None if wire == name else wire)
        fields[name] = (_wanted(section, name), given)
    title = "Exported" + section.name.title().replace("_", "").removesuffix("s")
    return create_model(title, __base__=_Row, __doc__=section.table.__doc__, **fields)


Session, Agent = _row(SESSION), _row(AGENT)
ROWS: dict[str, Any] = {section.name: _row(section) for section in SECTIONS}
Version = Annotated[Literal[1], BeforeValidator(_of_version)]


class _Sections(Strict):
    """What a file of a session holds."""

    format: Annotated[Literal["overnight.session"], BeforeValidator(_of_format)]
    version: Version
    exported_at: Moment


SessionFile: Any = create_model(
    "SessionFile",
    __base__=_Sections,
    session=(Session, ...),
    agent=(Agent | None, ...),
    **{section.name: (list[ROWS[section.name]], ...) for section in SECTIONS},  # type: ignore[valid-type]
)
