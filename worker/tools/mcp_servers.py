"""The MCP servers that agents name: one connection each for the whole worker process."""

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

from overnight.tools import Tool
from overnight.tools.errors import BadTools
from worker.tools.errors import ToolsUnavailable

if TYPE_CHECKING:
    from worker.tools.mcp_connection import Connection

FRESH = 60.0  # seconds for which the list of a server far away is taken as it was
IDLE = 900.0  # seconds after which a connection that nobody uses is closed


class McpServers:
    """To be used on the process's loop alone."""

    def __init__(self, *, allow_commands: bool, idle: float = IDLE) -> None:
        self._allow_commands = allow_commands
        self._idle = idle
        self._connections: dict[str, Connection] = {}
        self._listed: dict[str, tuple[float, list[Tool]]] = {}

    async def tools(self, server: dict[str, Any]) -> dict[str, Tool]:
        """What a server has, by its own names, in their order. Raises `ToolsUnavailable`, `BadTools`."""
        self._check(server)
        await asyncio.to_thread(_import)
        await self._close_idle()
        key = json.dumps(server, sort_keys=True)
        read_at, known = self._listed.get(key, (0.0, []))
        # A program here is asked each time: that it has died shows before a call, and not by a call's loss.
        if server["type"] == "stdio" or not known or time.monotonic() - read_at > FRESH:
            known = await self._list(key, server)
        return {made.origin: made for made in known}

    async def close(self) -> None:
        await asyncio.gather(*(connection.close() for connection in self._connections.values()))

    async def _list(self, key: str, server: dict[str, Any]) -> list[Tool]:
        from worker.tools.mcp_connection import Connection
        from worker.tools.mcp_tools import ours

        connection = self._connections.setdefault(key, Connection(server))
        known = ours(sorted(await connection.list_tools(), key=lambda listed: listed.name), connection)
        self._listed[key] = (time.monotonic(), known)
        return known

    async def _close_idle(self) -> None:
        """The next call opens it again."""
        until = time.monotonic() - self._idle
        for connection in list(self._connections.values()):
            if connection.is_open and not connection.busy and connection.used_at < until:
                await connection.close()

    def _check(self, server: dict[str, Any]) -> None:
        if server["type"] not in {"url", "stdio"}:
            raise BadTools([f"mcp_servers: type must be 'url' or 'stdio', not {server['type']!r}"])
        if server["type"] == "stdio" and not self._allow_commands:
            reason = "this worker starts no programs for agents; set OVERNIGHT_ALLOW_MCP_COMMANDS=true if it may"
            raise ToolsUnavailable(str(server["name"]), reason)


def _import() -> None:
    """The library takes most of a second: not on the loop, and only where there are MCP servers."""
    import worker.tools.mcp_tools  # noqa: F401
