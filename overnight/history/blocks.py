"""The kinds of content blocks that the choice and the check of messages both know."""

from typing import Any

Block = dict[str, Any]

THINKING = {"thinking", "redacted_thinking"}
#: Calls of tools that Claude's side runs; their results come in the reply itself, or in the turn's next one.
SERVER_CALLS = {"server_tool_use", "mcp_tool_use"}
CALLS = {"tool_use", *SERVER_CALLS}


def is_plain_text(block: Any) -> bool:
    """Whether it is a text that says something and nothing else: most blocks are."""
    return (
        type(block) is dict
        and len(block) == 2
        and block.get("type") == "text"
        and type(said := block.get("text")) is str
        and bool(said)
        and not said.isspace()
    )


def is_results_only(content: list[Block]) -> bool:
    """Whether a user's message only answers calls, so that Claude's turn goes on."""
    return all(block["type"] == "tool_result" for block in content)


def follow(content: list[Block], open_calls: dict[str, int], index: int = 0) -> list[str]:
    """Keeps the calls of Claude's own tools that a reply leaves open; gives the ids of results that answer none."""
    stray = []
    for block in content:
        if block["type"] in SERVER_CALLS:
            open_calls[block["id"]] = index
        elif block["type"].endswith("_tool_result") and open_calls.pop(block.get("tool_use_id", ""), None) is None:
            stray.append(str(block.get("tool_use_id")))
    return stray
