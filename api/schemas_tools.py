"""The tools that an agent may have: sets, the client's own, functions of the workers, and those of Claude's API."""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from api.content import by_type
from api.json_value import Sound, sound
from api.schemas_toolsets import AgentToolset, McpToolset, Permission
from api.text import Spoken, Strict
from overnight.tools.names import SERVER_TYPE, VALID

DATE = re.compile(r"_\d{8}$")
TYPES = "'agent_toolset_20260401', 'mcp_toolset', 'custom', 'python' or one of Claude's like 'web_search_20260318'"

ToolName = Annotated[str, StringConstraints(pattern=f"^{VALID.pattern}$")]


def _takes_an_object(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("type") != "object":
        raise PydanticCustomError("input_schema", "must be a JSON schema whose 'type' is 'object'")
    return schema


InputSchema = Annotated[
    dict[str, Any],
    AfterValidator(sound),
    AfterValidator(_takes_an_object),
    Field(json_schema_extra={"properties": {"type": {"const": "object"}}, "required": ["type"]}),
]


class CustomTool(Strict):
    """A tool that the client runs."""

    type: Literal["custom"]
    name: ToolName
    description: Spoken
    input_schema: InputSchema

    def resolved(self) -> dict[str, Any]:
        return self.model_dump()


class PythonTool(Strict):
    """A function that workers serve. Without `permission_policy` that of the function holds."""

    type: Literal["python"]
    name: ToolName
    permission_policy: Permission | None = None

    def resolved(self) -> dict[str, Any]:
        return self.model_dump(exclude_none=True)


class ServerTool(Strict):
    """A tool that Claude's API runs: handed on as it is."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Sound]

    type: Annotated[str, StringConstraints(pattern=f"^{SERVER_TYPE.pattern}$", max_length=128)]
    name: ToolName

    @field_validator("name")
    @classmethod
    def is_that_of_its_type(cls, name: str, given: ValidationInfo) -> str:
        if name != (wanted := DATE.sub("", given.data.get("type", ""))):
            raise PydanticCustomError("server_tool", "must be '{wanted}' for this type", {"wanted": wanted})
        return name

    def resolved(self) -> dict[str, Any]:
        return self.model_dump()


def _kind(value: Any) -> str | None:
    kind = by_type(value)
    return "<server>" if kind and SERVER_TYPE.fullmatch(kind.strip("<>")) else kind


Tool = Annotated[
    Annotated[AgentToolset, Tag("<agent_toolset_20260401>")]
    | Annotated[McpToolset, Tag("<mcp_toolset>")]
    | Annotated[CustomTool, Tag("<custom>")]
    | Annotated[PythonTool, Tag("<python>")]
    | Annotated[ServerTool, Tag("<server>")],
    Discriminator(_kind, custom_error_type="kind", custom_error_message=f"must be an object whose 'type' is {TYPES}"),
]
Tools = Annotated[list[Tool], Field(max_length=256)]
