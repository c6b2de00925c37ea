"""A connection to one MCP server, made when it is first needed and again when it is lost; on the process's loop."""

import asyncio
import os
import sys
import time
from contextlib import AsyncExitStack
from typing import Any, TextIO

import structlog
from anthropic.lib.tools import ToolError
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.exceptions import MCPError
from mcp.types import CONNECTION_CLOSED, CallToolResult
from mcp.types import Tool as McpTool

from worker.tools.errors import ToolsUnavailable

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 15.0
CLOSE_SECONDS = 10.0
MOST_PAGES = 100


class Connection:
    """Passes for the SDK's idea of an MCP client: it has `call_tool`."""

    def __init__(self, server: dict[str, Any]) -> None:
        self.name = str(server["name"])
        self.busy = 0  # calls under way
        self.used_at = time.monotonic()
        self._server = server
        self._client: Client | None = None
        self._holder: asyncio.Task[None] | None = None
        self._leave = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        return self._holder is not None

    async def list_tools(self) -> list[McpTool]:
        """All it has now. Raises `ToolsUnavailable`, after a second try where an old connection was used."""
        was_open = self._client is not None
        try:
            return await self._listed()
        except ToolsUnavailable:
            if not was_open:
                raise
        return await self._listed()

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> CallToolResult:
        """Raises `ToolError` where there is no answer; says whether the call may have been carried out."""
        self.busy += 1
        try:
            return await self._call(name, arguments)
        finally:
            self.busy -= 1
            self.used_at = time.monotonic()

    async def close(self) -> None:
        holder, self._holder, self._client = self._holder, None, None
        self._leave.set()
        if holder is not None and (await asyncio.wait({holder}, timeout=CLOSE_SECONDS))[1]:
            holder.cancel()

    async def _call(self, name: str, arguments: dict[str, Any]) -> CallToolResult:
        try:
            client = await self._open()
        except ToolsUnavailable as error:
            raise ToolError(f"{error}; nothing was done") from None
        try:
            return await client.call_tool(name, arguments)
        except MCPError as error:
            if error.error.code != CONNECTION_CLOSED:
                raise ToolError(f"MCP server {self.name}: {error}") from None
            await self.close()
            lost = f"MCP server {self.name} was lost during the call; whether it took effect is unknown"
            raise ToolError(lost) from None

    async def _listed(self) -> list[McpTool]:
        client = await self._open()
        self.used_at = time.monotonic()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await _every_page(client)
        except Exception as error:
            await self.close()
            raise ToolsUnavailable(self.name, _reason(error)) from None

    async def _open(self) -> Client:
        async with self._one_at_a_time:
            if self._client is not None:
                return self._client
            await self.close()
            ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
            self._leave = asyncio.Event()
            self._holder = asyncio.create_task(self._hold(ready, self._leave))
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await asyncio.shield(ready)
            except TimeoutError:
                ready.add_done_callback(asyncio.Future.exception)  # nobody else will look at it
                self._holder.cancel()
                raise ToolsUnavailable(self.name, f"no answer within {CONNECT_SECONDS:g} seconds") from None

    async def _hold(self, ready: "asyncio.Future[Client]", leave: asyncio.Event) -> None:
        """Enters and leaves the connection in one task, as its cancel scopes demand."""
        try:
            async with AsyncExitStack() as stack:
                client = await stack.enter_async_context(await self._made(stack))
                self._client = client
                ready.set_result(client)
                await leave.wait()
        except BaseException as error:
            if not ready.done():
                ready.set_exception(ToolsUnavailable(self.name, _reason(error)))
            elif not leave.is_set():
                log.warning("mcp_connection_lost", server=self.name, reason=_reason(error))
                self._client = None
            if isinstance(error, SystemExit | KeyboardInterrupt):
                raise

    async def _made(self, stack: AsyncExitStack) -> Client:
        server = self._server
        if server["type"] == "stdio":
            parameters = StdioServerParameters(
                command=server["command"], args=server.get("args") or [], env=server.get("env")
            )
            return Client(stdio_client(parameters, errlog=_where_it_complains(stack)))
        token = server.get("authorization_token")
        http = create_mcp_http_client(headers={"Authorization": f"Bearer {token}"} if token else None)
        await stack.enter_async_context(http)
        return Client(streamable_http_client(server["url"], http_client=http))


async def _every_page(client: Client) -> list[McpTool]:
    tools: list[McpTool] = []
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if not cursor:
            break
    return tools


def _where_it_complains(stack: AsyncExitStack) -> TextIO:
    """Celery puts something without a descriptor in the place of `sys.stderr`."""
    return sys.__stderr__ or stack.enter_context(open(os.devnull, "w", encoding="utf-8"))


def _reason(error: BaseException) -> str:
    """The first thing that went wrong, on one line."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
