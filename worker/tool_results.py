"""The message that answers a reply's calls: every one, in their order, whatever became of them."""

from collections.abc import Iterable
from typing import Any

from worker.blocks import Block

NOTHING = "(no output)"


def result(call_id: str, said: str | list[Block] | None, *, is_error: bool = False) -> Block:
    """A `tool_result`. Blank texts, which Claude refuses, are left out; an error is text and says something."""
    content = [{"type": "text", "text": said}] if isinstance(said, str) else said or []
    kept = [part for part in content if part["type"] != "text" or part["text"].strip()]
    if is_error:
        kept = [part for part in kept if part["type"] == "text"] or [{"type": "text", "text": NOTHING}]
    found: Block = {"type": "tool_result", "tool_use_id": call_id}
    if kept:
        found["content"] = kept
    return {**found, "is_error": True} if is_error else found


def calls(content: Iterable[Block]) -> list[Block]:
    """The calls of a reply that are ours to answer."""
    return [block for block in content if block["type"] == "tool_use"]


def results_message(content: Iterable[Block], results: Iterable[Block]) -> dict[str, Any]:
    """The user's message that answers a reply's calls. ValueError unless each of them has exactly one result."""
    given = list(results)
    by_call = {block["tool_use_id"]: block for block in given}
    asked = [block["id"] for block in calls(content)]
    if len(by_call) < len(given) or by_call.keys() != set(asked):
        answered = ", ".join(block["tool_use_id"] for block in given) or "none"
        raise ValueError(f"results: there must be one for each of {', '.join(asked) or 'no calls'}; given: {answered}")
    return {"role": "user", "content": [by_call[call] for call in asked]}


def answer_unanswered(content: Iterable[Block], why: str, answered: Iterable[str] = ()) -> list[Block]:
    """Error results that say `why`, for the calls of a reply that are not among the `answered`; in their order."""
    done = set(answered)
    return [result(block["id"], why, is_error=True) for block in calls(content) if block["id"] not in done]
