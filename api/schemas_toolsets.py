"""Sets of tools that an agent may have, with what is enabled and what asks: Managed Agents' two."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from api.text import Name, Strict
from overnight.tools.names import BUILTIN, HOSTED

#: Of the SDK's agent toolset, which workers serve.
MEMBERS = tuple(sorted(BUILTIN))


class Permission(Strict):
    type: Literal["always_allow", "always_ask"]


class Config(Strict):
    """What holds for one tool of a set, or for all that say nothing of their own."""

    enabled: bool | None = None
    permission_policy: Permission | None = None

    def resolved(self, enabled: bool, permission_policy: dict[str, Any]) -> dict[str, Any]:
        """With the defaults in the place of what is not said."""
        own = self.permission_policy
        return {
            "enabled": enabled if self.enabled is None else self.enabled,
            "permission_policy": own.model_dump() if own else permission_policy,
        }


def _member(name: str) -> str:
    if name in HOSTED:
        raise PydanticCustomError("hosted", "is not in this toolset here; add Claude's server tool of that kind")
    if name not in MEMBERS:
        raise PydanticCustomError("member", "must be one of {members}", {"members": ", ".join(MEMBERS)})
    return name


class MemberConfig(Config):
    """`type`, which answers have, is the name once more."""

    name: Annotated[str, AfterValidator(_member), Field(json_schema_extra={"enum": [*MEMBERS]})]
    type: str | None = None

    @field_validator("type")
    @classmethod
    def is_the_name(cls, kind: str | None, given: ValidationInfo) -> str | None:
        if kind not in {None, given.data.get("name")}:
            raise PydanticCustomError("member_type", "must be the name once more; leave it out")
        return kind


class McpToolConfig(Config):
    name: Annotated[Name, StringConstraints(max_length=128)]


def _once_each(configs: Sequence[MemberConfig | McpToolConfig]) -> Any:
    if len({each.name for each in configs}) < len(configs):
        raise PydanticCustomError("twice", "must not name a tool twice")
    return configs


class AgentToolset(Strict):
    """Files and commands in the session's workspace."""

    type: Literal["agent_toolset_20260401"]
    default_config: Config | None = None
    configs: Annotated[list[MemberConfig], AfterValidator(_once_each)] = Field(default_factory=list)

    def resolved(self) -> dict[str, Any]:
        """As answers show it: nothing is left to guess."""
        default = (self.default_config or Config()).resolved(True, {"type": "always_allow"})
        configs = [{"type": each.name, "name": each.name, **each.resolved(**default)} for each in self.configs]
        return {"type": self.type, "default_config": default, "configs": configs}


class McpToolset(Strict):
    """The tools of a server in `mcp_servers`. They ask unless told otherwise: who runs the server may add some."""

    type: Literal["mcp_toolset"]
    mcp_server_name: Name
    default_config: Config | None = None
    configs: Annotated[list[McpToolConfig], Field(max_length=256), AfterValidator(_once_each)] = Field(
        default_factory=list
    )

    def resolved(self) -> dict[str, Any]:
        """As answers show it: nothing is left to guess."""
        default = (self.default_config or Config()).resolved(True, {"type": "always_ask"})
        configs = [{"name": each.name, **each.resolved(**default)} for each in self.configs]
        named = {"type": self.type, "mcp_server_name": self.mcp_server_name}
        return {**named, "default_config": default, "configs": configs}
