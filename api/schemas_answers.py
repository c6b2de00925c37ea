"""What callers answer to tool calls: allow or deny, and the results of the tools that they run themselves."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, Tag, ValidationInfo, WithJsonSchema, field_validator
from pydantic_core import PydanticCustomError

from api.content import Data, DocumentBlock, ImageBlock, one_of, verbatim
from api.text import Name, Strict, Text, sendable


def _only_null(value: Any) -> None:
    if value is not None:
        raise PydanticCustomError("planned", "is not supported yet; leave it out")


NoThread = Annotated[None, BeforeValidator(_only_null), WithJsonSchema({"type": "null"})]


class PlainTextBlock(Strict):
    """Of a tool, which may have nothing to say."""

    type: Literal["text"]
    text: Text


class Citations(Strict):
    enabled: bool


class SearchResultBlock(Strict):
    type: Literal["search_result"]
    source: Data
    title: Text
    content: Annotated[list[PlainTextBlock], Field(max_length=1_000)]
    citations: Citations


ResultBlock = Annotated[
    Annotated[PlainTextBlock, Tag("<text>")]
    | Annotated[ImageBlock, Tag("<image>")]
    | Annotated[DocumentBlock, Tag("<document>")]
    | Annotated[SearchResultBlock, Tag("<search_result>")],
    one_of("text", "image", "document", "search_result"),
]


class ToolConfirmation(Strict):
    """`tool_use_id` is the id of the event that asks for the call."""

    type: Literal["user.tool_confirmation"]
    tool_use_id: Name
    result: Literal["allow", "deny"]
    deny_message: Text | None = None
    session_thread_id: NoThread = None

    @field_validator("deny_message")
    @classmethod
    def explains_a_denial(cls, message: str | None, so_far: ValidationInfo) -> str | None:
        if message is not None and so_far.data.get("result") == "allow":
            raise PydanticCustomError("deny_message", "goes with the result 'deny' only; leave it out")
        return message


#: Not told twice in the OpenAPI document.
AS_OF_CLIENTS = WithJsonSchema(
    {"type": "array", "items": {"type": "object"}, "description": "Blocks, as of user.custom_tool_result"}
)


class ToolResult(Strict):
    """Of a call that a worker of the session's environment has carried out; `tool_use_id` is its event's id."""

    type: Literal["user.tool_result"]
    tool_use_id: Name
    content: Annotated[list[ResultBlock], BeforeValidator(sendable), Field(max_length=1_000), AS_OF_CLIENTS] = Field(
        default_factory=list
    )
    is_error: bool | None = None
    session_thread_id: NoThread = None

    def blocks(self) -> list[dict[str, Any]]:
        return verbatim(self.content)


class CustomToolResult(Strict):
    """`custom_tool_use_id` is the id of the `agent.custom_tool_use` event."""

    type: Literal["user.custom_tool_result"]
    custom_tool_use_id: Name
    content: Annotated[list[ResultBlock], Field(max_length=1_000)] = Field(default_factory=list)
    is_error: bool | None = None
    session_thread_id: NoThread = None

    def blocks(self) -> list[dict[str, Any]]:
        return verbatim(self.content)
