"""Checking content blocks as Claude does: known types, their fields and no others, text that says something."""

import re
from collections.abc import Callable
from typing import Any

from ops.simulator.conversation import Block
from ops.simulator.errors import Refused
from ops.simulator.thinking import is_intact

# Type -> (required fields, further fields). Of the types listed without fields only the name is checked.
SHAPES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "text": (frozenset({"text"}), frozenset({"citations", "cache_control"})),
    "thinking": (frozenset({"thinking", "signature"}), frozenset()),
    "redacted_thinking": (frozenset({"data"}), frozenset()),
    "tool_use": (frozenset({"id", "name", "input"}), frozenset({"caller", "toolset_name", "cache_control"})),
    "tool_result": (frozenset({"tool_use_id"}), frozenset({"content", "is_error", "toolset_name", "cache_control"})),
    "image": (frozenset({"source"}), frozenset({"cache_control"})),
    "document": (frozenset({"source"}), frozenset({"title", "context", "citations", "cache_control"})),
}
UNCHECKED = frozenset(
    {
        "search_result",
        "server_tool_use",
        "web_search_tool_result",
        "web_fetch_tool_result",
        "code_execution_tool_result",
        "bash_code_execution_tool_result",
        "text_editor_code_execution_tool_result",
        "tool_search_tool_result",
        "container_upload",
        "mcp_tool_use",
        "mcp_tool_result",
        "compaction",
        "fallback",
        "tool_addition",
        "tool_removal",
        "tool_reference",
    }
)
PARTS = frozenset({"text", "image", "document", "search_result", "tool_reference"})
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
STRINGS = frozenset({"text", "thinking", "signature", "id", "name", "tool_use_id"})


def check_blocks(content: list[Any], place: str) -> None:
    """Raise Refused for the first block that Claude would not take."""
    for n, block in enumerate(content):
        if not isinstance(block, dict):
            raise Refused(400, f"{place}.{n}: Input should be an object")
        if block.get("type") == "text" and len(block) == 2 and isinstance(text := block.get("text"), str):
            _check_text(text)
        else:
            _check_block(block, f"{place}.{n}")


def _check_block(block: Block, place: str) -> None:
    kind = block.get("type")
    if kind in UNCHECKED:
        return
    if kind not in SHAPES:
        expected = ", ".join(f"'{name}'" for name in SHAPES)
        raise Refused(
            400, f"{place}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {expected}"
        )
    required, further = SHAPES[kind]
    if missing := required - block.keys():
        raise Refused(400, f"{place}.{kind}.{min(missing)}: Field required")
    if extra := block.keys() - required - further - {"type"}:
        raise Refused(400, f"{place}.{kind}.{min(extra)}: Extra inputs are not permitted")
    for name in STRINGS & block.keys():
        if not isinstance(block[name], str):
            raise Refused(400, f"{place}.{kind}.{name}: Input should be a valid string")
    if (check := MEANINGS.get(kind)) is not None:
        check(block, place)


def _check_tool_use(block: Block, place: str) -> None:
    if not isinstance(block["input"], dict):
        raise Refused(400, f"{place}.tool_use.input: Input should be an object")
    if not TOOL_NAME.fullmatch(block["name"]):
        raise Refused(400, f"{place}.tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")


def _check_tool_result(block: Block, place: str) -> None:
    content, place = block.get("content"), f"{place}.tool_result"
    if not isinstance(content, str | list | None):
        raise Refused(400, f"{place}.content: Input should be a valid string or list")
    if not isinstance(is_error := block.get("is_error", False), bool):
        raise Refused(400, f"{place}.is_error: Input should be a valid boolean")
    if is_error and not content:
        raise Refused(400, f"{place}: content cannot be empty if `is_error` is true")
    if isinstance(content, list):
        _check_parts(content, place, is_error)


def _check_parts(content: list[Any], place: str, is_error: bool) -> None:
    for n, part in enumerate(content):
        if not isinstance(part, dict) or (kind := part.get("type")) not in PARTS:
            expected = ", ".join(f"'{name}'" for name in sorted(PARTS))
            found = part.get("type") if isinstance(part, dict) else None
            raise Refused(
                400,
                f"{place}.content.{n}: Input tag '{found}' found using 'type' does not match any of the expected "
                f"tags: {expected}",
            )
        if is_error and kind != "text":
            raise Refused(400, f"{place}: all content must be type `text` if `is_error` is true")
    check_blocks(content, f"{place}.content")


def _check_thinking(block: Block, place: str) -> None:
    if not block["signature"] or not is_intact(block["thinking"], block["signature"]):
        raise Refused(
            400,
            f"{place}: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. "
            "These blocks must remain as they were in the original response.",
        )


def _check_text(text: str) -> None:
    if not text:
        raise Refused(400, "messages: text content blocks must be non-empty")
    if text.isspace():
        raise Refused(400, "messages: text content blocks must contain non-whitespace text")


MEANINGS: dict[str, Callable[[Block, str], None]] = {
    "text": lambda block, _: _check_text(block["text"]),
    "tool_use": _check_tool_use,
    "tool_result": _check_tool_result,
    "thinking": _check_thinking,
}
