"""Tool calls and their results: every call is answered in the very next message, and nothing else is."""

from ops.simulator.conversation import Block, Message
from ops.simulator.errors import Refused


def check_pairs(messages: list[Message]) -> None:
    """Raise Refused for the first call without result, or result without call."""
    asked: list[str] = []
    seen: set[str] = set()
    for n, message in enumerate(messages):
        content = message["content"] if isinstance(message["content"], list) else []
        if (answered := _ids(content, "tool_result", "tool_use_id")) or asked:
            _check_answers(asked, answered, content, n)
        asked = _ids(content, "tool_use", "id")
        if asked and len(set(asked) - seen) < len(asked):
            raise Refused(400, f"messages.{n}.content: `tool_use` ids must be unique")
        seen.update(asked)
    _check_answers(asked, [], [], len(messages))


def _check_answers(asked: list[str], answered: list[str], content: list[Block], n: int) -> None:
    if missing := [call for call in asked if call not in answered]:
        raise Refused(400, _unanswered(n - 1, missing))
    if stray := next((result for result in answered if result not in asked), None):
        raise Refused(400, _unasked(content, n, stray))
    if len(answered) > len(asked):
        raise Refused(400, _answered_twice(n, next(call for call in answered if answered.count(call) > 1)))


def _ids(content: list[Block], kind: str, name: str) -> list[str]:
    return [block[name] for block in content if block["type"] == kind]


def _unanswered(n: int, ids: list[str]) -> str:
    return (
        f"messages.{n}: `tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(ids)}. "
        "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    )


def _unasked(content: list[Block], n: int, stray: str) -> str:
    at = next(at for at, block in enumerate(content) if block.get("tool_use_id") == stray)
    return (
        f"messages.{n}.content.{at}: unexpected `tool_use_id` found in `tool_result` blocks: {stray}. "
        "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
    )


def _answered_twice(n: int, call: str) -> str:
    return (
        f"messages.{n}.content: each tool_use must have a single result. "
        f"Found multiple `tool_result` blocks with id: {call}"
    )
