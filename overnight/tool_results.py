"""The `tool_result` block that answers a call, as the Messages API takes it."""

from typing import Any

Block = dict[str, Any]
NOTHING = "(no output)"


def result(call_id: str, said: str | list[Block] | None, *, is_error: bool = False) -> Block:
    """Blank texts, which Claude refuses, are left out; an error is text and says something."""
    content = [{"type": "text", "text": said}] if isinstance(said, str) else said or []
    kept = [part for part in content if part["type"] != "text" or part["text"].strip()]
    if is_error:
        kept = [part for part in kept if part["type"] == "text"] or [{"type": "text", "text": NOTHING}]
    found: Block = {"type": "tool_result", "tool_use_id": call_id}
    if kept:
        found["content"] = kept
    return {**found, "is_error": True} if is_error else found
