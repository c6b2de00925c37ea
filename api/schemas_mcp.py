"""The MCP servers that an agent may have: by address, or as a command that workers run where that is switched on."""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, Tag
from pydantic_core import PydanticCustomError

from api.content import one_of
from api.text import Name, Spoken, Storable, Strict, Text


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or any(character.isspace() for character in url):
        raise PydanticCustomError("address", "must be an address like https://example.com/mcp")
    return url


class UrlServer(Strict):
    type: Literal["url"]
    name: Name
    url: Annotated[str, StringConstraints(max_length=2_048), Storable, AfterValidator(_address)]

    def resolved(self) -> dict[str, Any]:
        return self.model_dump()


class StdioServer(Strict):
    """Answers show `env` as it was given: secrets belong into the workers' own environment."""

    type: Literal["stdio"]
    name: Name
    command: Spoken
    args: Annotated[list[Text], Field(max_length=256)] = Field(default_factory=list)
    env: Annotated[
        dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=255)], Text],
        Field(max_length=64),
    ] = Field(default_factory=dict)

    def resolved(self) -> dict[str, Any]:
        return self.model_dump()


McpServer = Annotated[
    Annotated[UrlServer, Tag("<url>")] | Annotated[StdioServer, Tag("<stdio>")], one_of("url", "stdio")
]
McpServers = Annotated[list[McpServer], Field(max_length=20)]
