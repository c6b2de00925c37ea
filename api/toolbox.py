"""Whether an agent's tools and MCP servers go together: what no single one of them can know."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from api.schemas_toolsets import MEMBERS
from overnight.errors import InvalidRequest
from overnight.settings import Settings

Tool = Mapping[str, Any]


def check(tools: Sequence[Tool], servers: Sequence[Tool], settings: Settings, *, where: str = "") -> None:
    """Both as they are stored; `where` precedes the fields that are named. Raises `InvalidRequest`."""
    _check_names(tools, where)
    _check_servers(servers, settings, where)
    _check_references(tools, {server["name"] for server in servers}, where)


def check_all_are_used(tools: Sequence[Tool], servers: Sequence[Tool], *, where: str = "") -> None:
    """Every server has its toolset. Raises `InvalidRequest`."""
    used = {tool["mcp_server_name"] for tool in tools if tool["type"] == "mcp_toolset"}
    for place, server in enumerate(servers):
        if server["name"] not in used:
            raise _refusal(
                f"{where}mcp_servers.{place}.name", "no mcp_toolset in tools names it; add one, or leave the server out"
            )


def names(tool: Tool) -> Iterable[str]:
    """Under which Claude knows it; what MCP servers have is known only when they are asked."""
    match tool["type"]:
        case "mcp_toolset":
            return []
        case "agent_toolset_20260401":
            enabled = {each["name"]: each["enabled"] for each in tool["configs"]}
            return [name for name in MEMBERS if enabled.get(name, tool["default_config"]["enabled"])]
        case _:
            return [tool["name"]]


def _check_names(tools: Sequence[Tool], where: str) -> None:
    taken: set[str] = set()
    for place, tool in enumerate(tools):
        for name in names(tool):
            if name in taken:
                field = f"{where}tools.{place}" + (".name" if "name" in tool else "")
                raise _refusal(field, f"there is another tool '{name}'; give each a name of its own")
            taken.add(name)


def _check_servers(servers: Sequence[Tool], settings: Settings, where: str) -> None:
    taken: set[str] = set()
    for place, server in enumerate(servers):
        field = f"{where}mcp_servers.{place}"
        if server["name"] in taken:
            raise _refusal(f"{field}.name", "there is another server of this name; give each a name of its own")
        if server["type"] == "stdio" and not settings.allow_mcp_commands:
            remedy = "use one of type 'url', or set OVERNIGHT_ALLOW_MCP_COMMANDS=true for API and workers"
            raise _refusal(f"{field}.type", f"servers of type 'stdio' are switched off; {remedy}")
        taken.add(server["name"])


def _check_references(tools: Sequence[Tool], servers: set[str], where: str) -> None:
    taken: set[str] = set()
    for place, tool in enumerate(tools):
        if tool["type"] != "mcp_toolset":
            continue
        field, name = f"{where}tools.{place}.mcp_server_name", tool["mcp_server_name"]
        if name not in servers:
            raise _refusal(field, f"there is no server '{name}' in mcp_servers; add it there")
        if name in taken:
            raise _refusal(field, f"there is another toolset of '{name}'; make them one")
        taken.add(name)


def _refusal(field: str, message: str) -> InvalidRequest:
    return InvalidRequest(f"{field}: {message}", field=field)
