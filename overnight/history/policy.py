"""How much of a conversation is sent: an agent's `history`, and where it cuts. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from overnight.history import sizes
from overnight.history.blocks import Block
from overnight.history.context import Entry, parted, seams

#: The part of a model's window that a conversation fills before it is cut, and of a limit at which it is told.
SHARE = 0.8
#: What is sent on of the newest turns, beside the summary of all before.
COMPACT_KEEPS = 0.1
WINDOW_KEEPS = 0.5
#: The first exchange stays, unless it takes more of the room than this.
FIRST_TAKES = 0.25
#: No model's window is smaller.
SMALLEST_WINDOW = 200_000
#: How far an estimate may be off before it is counted.
DOUBT = 0.1


@dataclass(frozen=True, slots=True)
class Policy:
    """`max_tokens` and `max_messages` bound what is sent; None: by the model's window alone."""

    type: str = "compact"
    max_tokens: int | None = None
    max_messages: int | None = None

    @classmethod
    def of(cls, history: Mapping[str, Any]) -> "Policy":
        return cls(history["type"], history.get("max_tokens"), history.get("max_messages"))

    def room(self, window: int) -> int | None:
        """At how many tokens it cuts; None: never."""
        if self.type == "full":
            return None
        share = int(SHARE * window)
        return share if self.max_tokens is None else min(self.max_tokens, share)

    def warns_at(self, window: int) -> int:
        return int(SHARE * (window if self.max_tokens is None else min(self.max_tokens, window)))

    def is_far(self, tokens: int, messages: int) -> bool:
        """Whether a context of this size is certainly not cut, nor is there anything to tell, whatever the model."""
        if self.max_messages is not None and messages > self.max_messages:
            return False
        return tokens < min(self.room(SMALLEST_WINDOW) or SMALLEST_WINDOW, self.warns_at(SMALLEST_WINDOW)) * (1 - DOUBT)

    def is_too_many(self, history: Sequence[Entry]) -> bool:
        return self.type != "full" and self.max_messages is not None and len(history) > self.max_messages


@dataclass(frozen=True, slots=True)
class Cut:
    """From now on the ledger is sent from after `begin_after`, and before that its `first` exchange and what is pinned.

    `summary`: blocks that stand for all that is left out. Where either is None, that of the context before stays.
    """

    reason: str  # compacted | window | too_long
    begin_after: int
    first: list[int] | None = field(default_factory=list)
    summary: list[Block] | None = None


def cut_after(
    tail: Sequence[Entry], *, under_way: bool, tokens: int, messages: int | None = None, scale: float = 1.0
) -> int | None:
    """After which message to begin so that at most so much is sent on, or as little as can be; None: nothing can go.

    Of a turn that is `under_way`, its prompt being in the history, the last step stays. `scale`: real tokens for one
    that is estimated.
    """
    possible = set(seams(tail, under_way=under_way))
    weights = [sizes.of_content(entry.content) for entry in tail]
    left, best = sum(weights), None
    for at, (entry, weight) in enumerate(zip(tail, weights, strict=True), 1):
        left -= weight
        if entry.seq in possible:
            best = entry.seq
            if left * scale <= tokens and (messages is None or len(tail) - at <= messages):
                break
    return best


def where_to_cut(
    limits: Policy, room: int, history: Sequence[Entry], begin: int, *, under_way: bool, tokens: int
) -> int | None:
    """After which message to begin instead of after `begin`; None: nothing can go.

    `tokens`: what the last request and its reply had; 0 where that is not known.
    """
    kept, tail = parted(history, begin)
    share = COMPACT_KEEPS if limits.type == "compact" else WINDOW_KEEPS
    guessed = sizes.of_entries(history) - since_the_last_reply(history)
    return cut_after(
        tail,
        under_way=under_way,
        tokens=max(int(share * room) - sizes.of_entries(kept), 0),
        messages=None if limits.max_messages is None else int(share * limits.max_messages),
        scale=min(max(tokens / guessed, 0.5), 2.0) if tokens and guessed else 1.0,
    )


def since_the_last_reply(history: Sequence[Entry]) -> int:
    """Tokens that no request has had yet."""
    new = 0
    for entry in reversed(history):
        if entry.role == "assistant":
            break
        new += sizes.of_content(entry.content)
    return new


def shorter(tail: Sequence[Entry], *, under_way: bool) -> int | None:
    """The same, so that at least half of it goes."""
    return cut_after(tail, under_way=under_way, tokens=sizes.of_entries(tail) // 2)


def first_kept(history: Sequence[Entry], begin: int, begin_after: int, room: int) -> list[int] | None:
    """The first exchange of a history that has begun after `begin`, found at its first cut; None: that of before."""
    kept, tail = parted(history, begin)
    return None if kept else first_exchange(tail, begin_after, room)


def first_exchange(tail: Sequence[Entry], begin_after: int, room: int) -> list[int]:
    """The numbers of the first prompt and of what Claude said to it in the end, of what is left out."""
    if not tail or not tail[0].is_prompt:
        return []
    replies = []
    for entry in tail[1:]:
        if entry.is_prompt:
            break
        if entry.role == "assistant":
            replies.append(entry)
    last = [entry for entry in replies[-1:] if not any(block["type"] == "tool_use" for block in entry.content)]
    chosen = [entry for entry in [tail[0], *last] if entry.seq <= begin_after]
    return [entry.seq for entry in chosen] if sizes.of_entries(chosen) <= FIRST_TAKES * room else []
