"""What an MCP server lists, as tools of ours."""

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from anthropic.lib.tools.mcp import async_mcp_tool
from mcp.types import Tool as McpTool

from overnight.tools import Context, OnCrash, Permission, Tool
from worker.tools.mcp_connection import Connection

LONGEST_NAME = 128
HASH = 8


def ours(found: Iterable[McpTool], connection: Connection) -> list[Tool]:
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
