"""Calls and their results: ours in the very next message, those of Claude's own tools before the turn ends."""

from collections.abc import Sequence
from typing import Any

from overnight.history.blocks import Block, follow, is_results_only
from worker.history_faults import InvalidHistory, Rule

Message = dict[str, Any]


def check_calls(messages: Sequence[Message]) -> None:
    """Raises `InvalidHistory` for the first call without a result, or result without a call."""
    asked: list[str] = []
    seen: set[str] = set()
    for index, message in enumerate(messages):
        content = message["content"]
        if message["role"] == "user":
            if asked or content[0]["type"] != "text" or len(content) > 1:
                _check_answers(index, asked, content)
            asked = []
            continue
        asked = [block["id"] for block in content if block["type"] == "tool_use"]
        for call in asked:
            if call in seen:
                raise InvalidHistory(index, Rule.CALL_ID_ONCE, call)
            seen.add(call)
    if asked:
        raise InvalidHistory(len(messages) - 1, Rule.CALL_ANSWERED, ", ".join(asked))


def _check_answers(index: int, asked: list[str], content: list[Block]) -> None:
    answered = [block["tool_use_id"] for block in content if block["type"] == "tool_result"]
    if not asked and not answered:
        return
    if unknown := [call for call in answered if call not in asked]:
        raise InvalidHistory(index, Rule.RESULT_KNOWN, ", ".join(unknown))
    if len(set(answered)) < len(answered):
        raise InvalidHistory(index, Rule.RESULT_ONCE, max(answered, key=answered.count))
    if missing := [call for call in asked if call not in answered]:
        raise InvalidHistory(index - 1, Rule.CALL_ANSWERED, ", ".join(missing))
    if any(block["type"] != "tool_result" for block in content[: len(answered)]):
        raise InvalidHistory(index, Rule.RESULTS_FIRST)


def check_server_calls(messages: Sequence[Message]) -> None:
    """Raises `InvalidHistory` where a turn ends with a call of Claude's own tools open.

    Results alone leave the turn open: Claude runs its own tools after ours when it calls both at once.
    """
    open_calls: dict[str, int] = {}
    for index, message in enumerate(messages):
        if message["role"] == "assistant":
            if stray := follow(message["content"], open_calls, index):
                raise InvalidHistory(index, Rule.SERVER_RESULT_KNOWN, ", ".join(stray))
        elif open_calls and not is_results_only(message["content"]):
            call, asked_at = next(iter(open_calls.items()))
            raise InvalidHistory(asked_at, Rule.SERVER_CALL_ANSWERED, call)
