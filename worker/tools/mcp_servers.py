"""The MCP servers that agents name: one connection each for the whole worker process, and their tools as ours."""

import asyncio
import hashlib
import json
import re
import time
from collections.abc import Iterable
from typing import Any

from anthropic.lib.tools.mcp import async_mcp_tool
from mcp.types import Tool as McpTool

from overnight.tools import OnCrash, Permission, Tool
from overnight.tools.context import Context
from overnight.tools.errors import BadTools
from worker.tools.errors import ToolsUnavailable
from worker.tools.mcp_connection import Connection

FRESH = 60.0  # seconds for which the list of a server far away is taken as it was
LONGEST_NAME = 128
HASH = 8


class McpServers:
    """To be used on the process's loop alone."""

    def __init__(self, *, allow_commands: bool) -> None:
        self._allow_commands = allow_commands
        self._connections: dict[str, Connection] = {}
        self._listed: dict[str, tuple[float, list[Tool]]] = {}

    async def tools(self, server: dict[str, Any]) -> dict[str, Tool]:
        """What a server has, by its own names, in their order. Raises `ToolsUnavailable`, `BadTools`."""
        key = json.dumps(server, sort_keys=True)
        connection = self._connection(key, server)
        read_at, known = self._listed.get(key, (0.0, []))
        # A program here is asked each time: that it has died shows before a call, and not by a call's loss.
        if server["type"] == "stdio" or not known or time.monotonic() - read_at > FRESH:
            found = sorted(await connection.list_tools(), key=lambda listed: listed.name)
            known = _ours(found, connection)
            self._listed[key] = (time.monotonic(), known)
        return {made.origin: made for made in known}

    async def close(self) -> None:
        await asyncio.gather(*(connection.close() for connection in self._connections.values()))

    def _connection(self, key: str, server: dict[str, Any]) -> Connection:
        if server["type"] not in {"url", "stdio"}:
            raise BadTools([f"mcp_servers: type must be 'url' or 'stdio', not {server['type']!r}"])
        if server["type"] == "stdio" and not self._allow_commands:
            reason = "this worker starts no programs for agents; set OVERNIGHT_ALLOW_MCP_COMMANDS=true if it may"
            raise ToolsUnavailable(str(server["name"]), reason)
        return self._connections.setdefault(key, Connection(server))


def _ours(found: Iterable[McpTool], connection: Connection) -> list[Tool]:
    tools: dict[str, Tool] = {}
    for listed in found:
        name = _name(connection.name, listed.name, set(tools))
        tools[name] = _as_tool(listed, name, connection)
    return list(tools.values())


def _as_tool(listed: McpTool, name: str, connection: Connection) -> Tool:
    """`origin` is the name that the server knows it by. As hosted agents do, its calls wait for a person by default."""
    sdk: Any = async_mcp_tool(listed, connection)  # type: ignore[arg-type]
    definition = {key: value for key, value in sdk.to_dict().items() if value}

    async def call(given: dict[str, Any], _context: Context) -> Any:
        return await sdk.call(given) or None

    hints = listed.annotations
    is_repeatable = hints is not None and bool(hints.read_only_hint or hints.idempotent_hint)
    return Tool(
        name=name,
        definition={**definition, "name": name},
        call=call,
        is_async=True,
        on_crash=OnCrash.RETRY if is_repeatable else OnCrash.TELL,
        permission=Permission.ALWAYS_ASK,
        origin=listed.name,
    )


def _name(server: str, listed: str, taken: set[str]) -> str:
    """`server__tool` as the Messages API takes it; what must be changed for that gets a hash, to remain unique."""
    plain = f"{server}__{listed}"
    valid = re.sub(r"[^a-zA-Z0-9_-]", "_", plain)
    if valid == plain and len(valid) <= LONGEST_NAME and valid not in taken:
        return valid
    digest = hashlib.sha256(plain.encode()).hexdigest()[:HASH]
    return f"{valid[: LONGEST_NAME - HASH - 1]}_{digest}"
