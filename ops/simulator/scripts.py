"""The replies of a script: blocks as a prompt spells them out."""

import json
from typing import Any

from ops.simulator.calls import call, check_offered, fill, server_result
from ops.simulator.conversation import PAUSED, SERVER_CALLS, Block
from ops.simulator.directives import Directives
from ops.simulator.thinking import thought


def scripted(request: dict[str, Any], wanted: Directives, step: int) -> tuple[list[Block], str | None]:
    """The blocks of reply `step` of the script, and its stop reason when the script tells one."""
    given = [block for block in wanted.script[step] if block["type"] != "stop"]
    stop = next((block["stop_reason"] for block in wanted.script[step] if block["type"] == "stop"), None)
    ours = [block["name"] for block in given if block["type"] == "tool_use"]
    check_offered(request, ours, wanted)
    content: list[Block] = []
    for n, block in enumerate(given, 1):
        paused = stop == "pause_turn" and n == len(given)
        content.append(_made(block, step, n, paused))
        # Beside a call of the client's, Claude's own wait until that is answered.
        if block["type"] in SERVER_CALLS and not ours and not paused:
            content.append(server_result(content[-1]))
    return content, stop


def _made(block: Block, step: int, n: int, paused: bool) -> Block:
    match block["type"]:
        case "text":
            return {**block, "text": fill(block["text"], step, n)}
        case "thinking":
            return thought(block["thinking"])
    more = {"server_name": block.get("server_name", "simulated")} if block["type"] == "mcp_tool_use" else {}
    given = fill(json.dumps(block.get("input", {})), step, n)
    return call(block["type"], block["name"], given, prefix=PAUSED if paused else None, **more)
