"""Calls and their results: each call is answered in the next message, each of Claude's own before the turn ends."""

from ops.simulator.conversation import SERVER_CALLS, Block, Message
from ops.simulator.errors import Refused

THINKING = frozenset({"thinking", "redacted_thinking"})


def check_pairs(messages: list[Message]) -> None:
    """Raise Refused for the first block that is out of place, call without result, or result without call."""
    asked: list[str] = []
    seen: set[str] = set()
    for n, message in enumerate(messages):
        content = message["content"] if isinstance(message["content"], list) else []
        _check_places(content, n, message["role"])
        if (answered := _ids(content, "tool_result", "tool_use_id")) or asked:
            _check_answers(asked, answered, content, n)
        asked = _ids(content, "tool_use", "id")
        if asked and len(set(asked) - seen) < len(asked):
            raise Refused(400, f"messages.{n}.content: `tool_use` ids must be unique")
        seen.update(asked)
    _check_answers(asked, [], [], len(messages))
    _check_server_pairs(messages)


def _check_places(content: list[Block], n: int, role: str) -> None:
    for block in content:
        kind = block["type"]
        own = kind == "tool_use" or kind in SERVER_CALLS or kind in THINKING or kind.endswith("_tool_result")
        speaker = "user" if kind == "tool_result" else "assistant" if own else role
        if role != speaker:
            raise Refused(400, f"messages.{n}: `{kind}` blocks can only be in `{speaker}` messages")


def _check_answers(asked: list[str], answered: list[str], content: list[Block], n: int) -> None:
    # Those after other content do not count: Claude looks no further than the first block that is none.
    first = next((at for at, block in enumerate(content) if block["type"] != "tool_result"), len(content))
    in_time = _ids(content[:first], "tool_result", "tool_use_id")
    if missing := [call for call in asked if call not in in_time]:
        raise Refused(400, _unanswered(n - 1, missing))
    if stray := next((result for result in answered if result not in asked), None):
        raise Refused(400, _unasked(content, n, stray))
    if len(answered) > len(asked):
        raise Refused(400, _answered_twice(n, next(call for call in answered if answered.count(call) > 1)))


def _check_server_pairs(messages: list[Message]) -> None:
    """Results of the client's tools alone leave Claude's turn open: its own tools run after them."""
    waiting: dict[str, tuple[int, str]] = {}
    for n, message in enumerate(messages):
        content = message["content"] if isinstance(message["content"], list) else [{"type": "text"}]
        if message["role"] == "user" and any(block["type"] != "tool_result" for block in content):
            for call, (asked_at, name) in waiting.items():
                raise Refused(400, _server_unanswered(asked_at, name, call))
        for at, block in enumerate(content):
            if block["type"] in SERVER_CALLS:
                waiting[block["id"]] = n, block["name"]
            elif block["type"].endswith("_tool_result") and waiting.pop(block.get("tool_use_id", ""), None) is None:
                raise Refused(400, _server_unasked(n, at, block))


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


def _server_unanswered(n: int, name: str, call: str) -> str:
    return (
        f"messages.{n}: `{name}` tool use with id `{call}` was found without a corresponding `{name}_tool_result` block"
    )


def _server_unasked(n: int, at: int, block: Block) -> str:
    kind = block["type"]
    return (
        f"messages.{n}.content.{at}: unexpected `tool_use_id` found in `{kind}` blocks: {block.get('tool_use_id')}. "
        f"Each `{kind}` block must have a corresponding `server_tool_use` block before it."
    )
