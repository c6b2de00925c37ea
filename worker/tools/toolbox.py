"""The tools of one agent, as this worker has them: what the request tells Claude, and who answers which call."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from overnight.tools import Permission, Tool
from overnight.tools.errors import BadTools
from overnight.tools.kinds import Kind
from overnight.tools.names import SERVER_TYPE
from overnight.tools.own import DEFINITIONS
from worker.tools.files import edit, read, write
from worker.tools.finding import glob, grep
from worker.tools.handed_out import handed_out
from worker.tools.mcp_servers import McpServers
from worker.tools.shell import Shell

AGENT_TOOLSET = "agent_toolset_20260401"
FILE_TOOLS = {tool.name: tool for tool in (read, write, edit, glob, grep)}


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    kind: Kind
    definition: dict[str, Any] | None  # None: wanted, and missing here
    tool: Tool | None = None
    permission: Permission | None = None  # of what no worker of ours runs; the others have it in `tool`


class Toolbox:
    """In the order in which the agent lists its tools, so that Claude's prompt cache holds."""

    def __init__(self, entries: list[Entry], shell: Shell | None = None) -> None:
        names = [entry.name for entry in entries]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise BadTools([f"tools: {name} is there more than once: keep one" for name in twice])
        self._entries = {entry.name: entry for entry in entries}
        self._shell = shell

    @property
    def definitions(self) -> list[dict[str, Any]]:
        """For `tools` of the Messages request."""
        return [entry.definition for entry in self._entries.values() if entry.definition is not None]

    @property
    def missing(self) -> list[str]:
        """What the agent wants and this worker lacks: its task waits for another worker."""
        return [entry.name for entry in self._entries.values() if entry.definition is None]

    def find(self, name: str) -> Tool | None:
        """What `worker.tools.running.begin` takes; None where somebody else answers, or nobody."""
        entry = self._entries.get(name)
        return entry.tool if entry else None

    def kind(self, name: str) -> Kind:
        entry = self._entries.get(name)
        return entry.kind if entry else Kind.UNKNOWN

    def always_asks(self, name: str) -> bool:
        """Whether the agent lets a person allow each call of a tool that no worker of ours runs."""
        entry = self._entries.get(name)
        return entry is not None and entry.permission is Permission.ALWAYS_ASK

    @property
    def has_shell(self) -> bool:
        """Whether there may be something to close."""
        return self._shell is not None

    async def close(self) -> None:
        """At the end of the slice, on the process's loop: ends the shell and all that it started."""
        if self._shell is not None:
            await self._shell.close()


async def equip(
    wanted: list[dict[str, Any]],
    servers: list[dict[str, Any]],
    registry: Mapping[str, Tool],
    mcp: McpServers,
    *,
    allow_bash: bool = False,
    elsewhere: bool = False,
) -> Toolbox:
    """An agent's `tools` and `mcp_servers` as a toolbox; on the process's loop.

    `elsewhere`: the session's environment has workers of its own for the agent toolset.

    Raises `ToolsUnavailable` when an MCP server does not answer, `BadTools` for what no worker could serve.
    """
    shell = Shell() if allow_bash else None
    builtin = {**({"bash": shell.tool} if shell else {}), **FILE_TOOLS}
    by_name = {server["name"]: server for server in servers}
    entries: list[Entry] = []
    for item in wanted:
        if item["type"] == "mcp_toolset":
            entries += _of_mcp(item, await mcp.tools(_server(by_name, item["mcp_server_name"])))
        elif item["type"] == AGENT_TOOLSET and elsewhere:
            entries += _of_environment(item)
        else:
            entries += _entries_of(item, registry, builtin)
    return Toolbox(entries, shell)


def _entries_of(item: dict[str, Any], registry: Mapping[str, Tool], builtin: Mapping[str, Tool]) -> Iterator[Entry]:
    match item["type"]:
        case "python":
            yield _python(item, registry)
        case "custom":
            told = {key: item[key] for key in ("name", "description", "input_schema") if item.get(key)}
            yield Entry(item["name"], Kind.CUSTOM, told)
        case kind if kind == AGENT_TOOLSET:
            yield from _of_toolset(item, builtin)
        case str(kind) if SERVER_TYPE.fullmatch(kind):
            yield Entry(item["name"], Kind.SERVER, item)
        case kind:
            known = f"python, custom, {AGENT_TOOLSET}, mcp_toolset and Claude's server tools"
            raise BadTools([f"tools: type {kind!r} is unknown; there are {known}"])


def _python(item: dict[str, Any], registry: Mapping[str, Tool]) -> Entry:
    name, policy = item["name"], _policy(item)
    if name in DEFINITIONS:
        return Entry(name, Kind.OVERNIGHT, DEFINITIONS[name], permission=policy)
    return _with_tool(name, Kind.PYTHON, registry.get(name), policy)


def _of_toolset(item: dict[str, Any], builtin: Mapping[str, Tool]) -> Iterator[Entry]:
    """What is on by default and cannot be had here is left out; what was switched on by name is missing."""
    config = _configured(item)
    asked_for = {entry["name"] for entry in item.get("configs") or [] if entry.get("enabled")}
    for name in (*builtin, *sorted(asked_for - set(builtin))):
        is_enabled, policy = config(name)
        if is_enabled:
            yield _with_tool(name, Kind.BUILTIN, builtin.get(name), policy)


def _of_environment(item: dict[str, Any]) -> Iterator[Entry]:
    """As the SDK's workers know them."""
    config = _configured(item)
    for name, definition in handed_out().items():
        is_enabled, policy = config(name)
        if is_enabled:
            yield Entry(name, Kind.ENVIRONMENT, definition, permission=policy)


def _of_mcp(item: dict[str, Any], tools: Mapping[str, Tool]) -> Iterator[Entry]:
    """`configs` call a tool as its server does."""
    config = _configured(item)
    for listed, tool in tools.items():
        is_enabled, policy = config(listed)
        if is_enabled:
            yield _with_tool(tool.name, Kind.MCP, tool, policy)


def _with_tool(name: str, kind: Kind, tool: Tool | None, policy: Permission | None) -> Entry:
    if tool is None:
        return Entry(name, kind, None)
    return Entry(name, kind, tool.definition, tool if policy is None else replace(tool, permission=policy))


def _configured(item: dict[str, Any]) -> Callable[[str], tuple[bool, Permission | None]]:
    """Whether a toolset's tool is on, and what the agent says about its permission."""
    default = item.get("default_config") or {}
    configs = {config["name"]: config for config in item.get("configs") or []}

    def config(name: str) -> tuple[bool, Permission | None]:
        own = {key: value for key, value in configs.get(name, {}).items() if value is not None}
        enabled = own.get("enabled", default.get("enabled"))
        return enabled is not False, _policy({**default, **own})

    return config


def _policy(item: dict[str, Any]) -> Permission | None:
    """What the agent says goes before what the tool says. Nobody here can judge for `auto`, so a person does."""
    policy = item.get("permission_policy")
    if not policy:
        return None
    return Permission.ALWAYS_ALLOW if policy["type"] == "always_allow" else Permission.ALWAYS_ASK


def _server(by_name: Mapping[str, dict[str, Any]], name: str) -> dict[str, Any]:
    if name not in by_name:
        raise BadTools([f"tools: mcp_server_name {name} is not in mcp_servers: add it there"])
    return by_name[name]
