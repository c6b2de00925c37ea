"""The calls of a reply: of the client's tools, as a prompt asks for them, and of Claude's own, with their results."""

import json
import secrets
from typing import Any

from ops.simulator.arguments import mentioned, plausible_input
from ops.simulator.conversation import PAUSED, Block
from ops.simulator.directives import Directives
from ops.simulator.errors import Refused

PREFIXES = {"tool_use": "toolu_sim", "server_tool_use": "srvtoolu_sim", "mcp_tool_use": "mcptoolu_sim"}
SEARCH = '{"query": "simulated"}'
FOUND = {
    "type": "web_search_result",
    "title": "Simulated page",
    "url": "https://example.com/",
    "encrypted_content": "simulated",
    "page_age": None,
}


def call(kind: str, name: str, given: str, *, prefix: str | None = None, **more: Any) -> Block:
    """A call with an id of its own; `given` is the JSON text that is streamed."""
    return {
        "type": kind,
        "id": f"{prefix or PREFIXES[kind]}{secrets.token_hex(10)}",
        "name": name,
        "json": given,
        **more,
    }


def pausing_call(wanted: Directives) -> Block:
    """A call of one of Claude's own tools that the reply stops at."""
    return call("server_tool_use", wanted.server_tool or "web_search", SEARCH, prefix=PAUSED)


def server_result(asked: Block) -> Block:
    """What Claude's side answers to one of its own calls."""
    if asked["type"] == "mcp_tool_use":
        words = [{"type": "text", "text": "simulated"}]
        return {"type": "mcp_tool_result", "tool_use_id": asked["id"], "is_error": False, "content": words}
    kind = f"{asked['name']}_tool_result"
    failed = {"type": f"{kind}_error", "error_code": "unavailable"}
    said = [FOUND] if asked["name"] == "web_search" else failed
    return {"type": kind, "tool_use_id": asked["id"], "content": said, "caller": {"type": "direct"}}


def directed_calls(request: dict[str, Any], wanted: Directives, step: int) -> list[Block]:
    """The calls that the directives ask for in this step (the first is 0)."""
    if wanted.tool is None or not (wanted.runaway or step < wanted.loop):
        return []
    names = wanted.tool.split(",") * wanted.calls
    check_offered(request, names, wanted)
    given = [fill(wanted.input, step, n) for n in range(1, len(names) + 1)]
    found = [call("tool_use", name, text) for name, text in zip(names, given, strict=True)]
    if step == wanted.at - 1:
        found[-1] |= _spoilt(found[-1]["json"], wanted)
    return found


def _spoilt(text: str, wanted: Directives) -> Block:
    if wanted.cut_call:
        return {"json": text[: max(1, len(text) // 2)], "cut": True}
    return {"json": text.removesuffix("}") + ", broken}"} if wanted.broken_json else {}


def fill(text: str, step: int, number: int) -> str:
    """`{step}` and `{call}`, both counted from 1, filled in; other braces are left as they are."""
    return text.replace("{step}", str(step + 1)).replace("{call}", str(number))


def mentioned_calls(request: dict[str, Any], prompt: str, step: int) -> list[Block]:
    """Without directives: one tool a step, of those that the prompt mentions."""
    choice = (request.get("tool_choice") or {}).get("type", "auto")
    tools = mentioned(prompt, request.get("tools") or []) if choice != "none" else []
    if step >= len(tools):
        return []
    name = tools[step]["name"]
    said = {"type": "text", "text": f"Simulated: calling `{name}`."}
    return [said, call("tool_use", name, json.dumps(plausible_input(tools[step], prompt)))]


def check_offered(request: dict[str, Any], names: list[str], wanted: Directives) -> None:
    """Refuse to call a tool that the request does not have, unless that is the point."""
    offered = [tool.get("name") for tool in request.get("tools") or []]
    if not wanted.hallucinate and (missing := [name for name in names if name not in offered]):
        raise Refused(
            400,
            f"sim directive: tool '{missing[0]}' is not among the request's tools ({offered}); "
            "name one of those, or add `hallucinate` to have it called all the same",
        )
