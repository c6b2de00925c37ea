"""Thinking goes back as it came: compared with the part of the ledger that the messages were chosen from."""

from collections.abc import Iterator, Sequence
from typing import Any

from overnight.history.blocks import CALLS, THINKING, Block, is_results_only
from overnight.history.context import Entry
from worker.history_faults import InvalidHistory, Rule

Message = dict[str, Any]


def check_thinking(messages: Sequence[Message], history: Sequence[Entry], cut: int) -> None:
    """Raises `InvalidHistory` for thinking that was altered or moved, or that a call of this turn still needs."""
    said = (block for entry in history if entry.role == "assistant" for block in _thinking(entry.content))
    sent = []
    for index in range(1, len(messages), 2):
        for block in messages[index]["content"]:
            if block["type"] in THINKING:
                if block not in said:  # the rest of what was said: order counts
                    raise InvalidHistory(index, Rule.THINKING_UNTOUCHED)
                sent.append(block)
    for block in _needed(messages, history, cut):
        if block not in sent:
            raise InvalidHistory(len(messages) - 1, Rule.THINKING_KEPT)


def _needed(messages: Sequence[Message], history: Sequence[Entry], cut: int) -> Iterator[Block]:
    """What was thought before calls since the user last spoke; nothing when the user has just spoken."""
    if messages[-1]["role"] == "user" and not is_results_only(messages[-1]["content"]):
        return
    for entry in reversed(history):
        if entry.role == "user" and not is_results_only(entry.content):
            return
        if entry.role == "assistant" and entry.seq > cut:
            last = max((at for at, block in enumerate(entry.content) if block["type"] in CALLS), default=0)
            yield from _thinking(entry.content[:last])


def _thinking(content: list[Block]) -> Iterator[Block]:
    return (block for block in content if block["type"] in THINKING)
