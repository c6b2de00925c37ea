"""One content block: whether it is where it may be, with what its type needs."""

from collections.abc import Callable
from typing import Any

from overnight.history.blocks import CALLS, THINKING, Block
from worker.history_faults import InvalidHistory, Rule

NEEDS: dict[str, dict[str, type]] = {
    "text": {"text": str},
    "thinking": {"thinking": str, "signature": str},
    "redacted_thinking": {"data": str},
    "tool_use": {"id": str, "name": str, "input": dict},
    "server_tool_use": {"id": str, "name": str, "input": dict},
    "mcp_tool_use": {"id": str, "name": str, "input": dict},
    "tool_result": {"tool_use_id": str},
}
# What a tool may answer with, beside text.
RESULT_BLOCKS = {"text", "image", "document", "search_result", "tool_reference"}


def check_block(index: int, place: int, block: Any, role: str) -> None:
    """Raises `InvalidHistory` for block `place` of message `index`."""
    if not isinstance(block, dict) or not isinstance(kind := block.get("type"), str):
        raise InvalidHistory(index, Rule.BLOCK_SHAPE, f"block {place} has no type")
    if role != _speaker(kind, role):
        raise InvalidHistory(index, Rule.BLOCK_PLACE, f"block {place} is {kind!r}, in a message of the {role}")
    for name, wanted in NEEDS.get(kind, {}).items():
        if not isinstance(block.get(name), wanted):
            raise InvalidHistory(index, Rule.BLOCK_SHAPE, f"block {place}, {kind!r}, needs {name!r}")
    if (check := MEANINGS.get(kind)) is not None:
        check(index, place, block)


def _speaker(kind: str, role: str) -> str:
    if kind == "tool_result":
        return "user"
    return "assistant" if kind in CALLS or kind in THINKING or kind.endswith("_tool_result") else role


def _check_text(index: int, place: int, block: Block) -> None:
    if not block["text"] or block["text"].isspace():
        raise InvalidHistory(index, Rule.TEXT_NOT_BLANK, f"block {place}")


def _check_thinking(index: int, place: int, block: Block) -> None:
    if not block["signature"]:
        raise InvalidHistory(index, Rule.THINKING_SIGNED, f"block {place}")


def _check_redacted(index: int, place: int, block: Block) -> None:
    if not block["data"]:
        raise InvalidHistory(index, Rule.THINKING_SIGNED, f"block {place} is empty")


def _check_result(index: int, place: int, block: Block) -> None:
    content, is_error = block.get("content"), block.get("is_error", False)
    if not isinstance(content, str | list | None) or not isinstance(is_error, bool):
        raise InvalidHistory(index, Rule.RESULT_SHAPE, f"block {place}: {block['tool_use_id']}")
    if is_error and not content:
        raise InvalidHistory(index, Rule.RESULT_SHAPE, f"block {place} is an error without a word")
    if isinstance(content, list):
        for part in content:
            _check_part(index, place, part, is_error)


def _check_part(index: int, place: int, part: Any, is_error: bool) -> None:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind not in RESULT_BLOCKS:
        raise InvalidHistory(index, Rule.RESULT_SHAPE, f"block {place} holds {kind!r}")
    if kind != "text":
        if is_error:
            raise InvalidHistory(index, Rule.RESULT_SHAPE, f"block {place} is an error that holds {kind!r}")
    elif not isinstance(part.get("text"), str):
        raise InvalidHistory(index, Rule.RESULT_SHAPE, f"block {place} holds a text without 'text'")
    else:
        _check_text(index, place, part)


MEANINGS: dict[str, Callable[[int, int, Block], None]] = {
    "text": _check_text,
    "thinking": _check_thinking,
    "redacted_thinking": _check_redacted,
    "tool_result": _check_result,
}
