"""What is sent to Claude, chosen from the ledger. Pure: the ledger itself is never rewritten."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Block = dict[str, Any]
THINKING = {"thinking", "redacted_thinking"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of the ledger."""

    seq: int
    role: str
    content: list[Block]


def messages(history: Iterable[Entry], prompt: list[Block], cut: int) -> list[dict[str, Any]]:
    """The request's messages: the history, then the prompt.

    Thinking is bound to what preceded it: of replies up to `cut`, whose beginning is no longer sent, it is left out.
    """
    sent: list[dict[str, Any]] = []
    for entry in history:
        _add(sent, entry.role, [block for block in entry.content if _is_sent(block, entry, cut)])
    _add(sent, "user", [block for block in prompt if not _is_blank(block)])
    return sent


def shorter(history: Sequence[Entry]) -> int | None:
    """After which message to begin so that half of the history is no longer sent; None when there is none."""
    sizes = [len(json.dumps(entry.content)) for entry in history]
    half, dropped = sum(sizes) / 2, 0
    for entry, following, size in zip(history, [*history, None][1:], sizes, strict=True):
        dropped += size
        if dropped >= half and (following is None or following.role == "user"):
            return entry.seq
    return None


def _add(sent: list[dict[str, Any]], role: str, content: list[Block]) -> None:
    if not content:
        return
    if sent and sent[-1]["role"] == role:
        sent[-1] = {"role": role, "content": [*sent[-1]["content"], *content]}
    else:
        sent.append({"role": role, "content": content})


def _is_sent(block: Block, entry: Entry, cut: int) -> bool:
    if entry.role == "assistant" and block["type"] in THINKING:
        return entry.seq > cut and any(other["type"] not in THINKING for other in entry.content)
    return not _is_blank(block)


def _is_blank(block: Block) -> bool:
    return block["type"] == "text" and not block["text"].strip()
