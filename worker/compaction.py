"""The request that summarises what is no longer sent: Claude's own compaction, or a summary that we ask for."""

from collections.abc import Sequence
from typing import Any

from overnight.history.blocks import Block
from overnight.history.context import Entry
from overnight.history.request import SUMMARY_TOKENS, Definition, Request, compaction_request, summary_request
from overnight.store.turn import Turn
from worker.requests import setting_of

SUMMARISE = (
    "This conversation grows too long to be sent, and goes on without what was said so far. Write a summary from which "
    "you could go on, in at most 800 words: what was asked, what was found out, decided and why, what was done, with "
    "names, paths and numbers, and what is still open. Call no tools. Do not address anybody."
)
SUMMARY = "Summary of what was said and done here earlier, which is no longer shown:\n\n"


def native(turn: Turn, older: Sequence[Entry], tools: Sequence[Definition]) -> Request:
    """Claude's own."""
    return compaction_request(setting_of(turn.lease, tools), older, turn.task.content if turn.is_under_way else ())


def in_words(turn: Turn, older: Sequence[Entry], tools: Sequence[Definition], model: str) -> Request:
    """For a model that does not compact."""
    return summary_request(setting_of(turn.lease, tools), older, SUMMARISE, model, SUMMARY_TOKENS)


def summary(message: dict[str, Any]) -> list[Block]:
    """The blocks to send in place of what was summarised: Claude's own as it came."""
    content: list[Block] = message["content"]
    if content[0]["type"] == "compaction":
        return content[:1]
    return [{"type": "text", "text": SUMMARY + "".join(block.get("text", "") for block in content)}]
