"""What is sent to Claude, chosen from the ledger. Pure: the ledger itself is never rewritten."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from overnight.history.blocks import THINKING, Block, follow, is_results_only

GONE = {"type": "text", "text": "(What was said and done here earlier is no longer shown.)"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of the ledger."""

    seq: int
    role: str
    content: list[Block]

    @property
    def answers(self) -> bool:
        """Whether it has results of calls of the message before."""
        return any(block["type"] == "tool_result" for block in self.content)


def entries(end: int, said: Sequence[tuple[str, list[Block]]]) -> list[Entry]:
    """What has just entered the ledger, whose last number is now `end`."""
    return [Entry(end - len(said) + place, role, content) for place, (role, content) in enumerate(said, 1)]


def messages(
    history: Sequence[Entry],
    prompt: list[Block],
    cut: int,
    *,
    opening: Sequence[Block] = (),
    note: Sequence[Block] = (),
) -> list[dict[str, Any]]:
    """The request's messages: the history, then the prompt; without a prompt the turn under way goes on.

    Thinking is bound to what preceded it: of replies up to `cut`, whose beginning is no longer sent, it is left out.
    `opening` is what the turn under way began with, sent again when the history begins within that turn. `note` is
    the system message that goes with either.
    """
    spoken = [block for block in prompt if not _is_blank(block)]
    left_out = _unpaired(history, ended=bool(spoken))
    sent: list[dict[str, Any]] = []
    for entry in _with_a_beginning(history, () if spoken else opening, () if spoken else note):
        _add(sent, entry.role, [block for block in entry.content if _is_sent(block, entry, cut, left_out)])
    _add(sent, "user", spoken)
    _add(sent, "system", list(note) if spoken else [])
    return sent


def shorter(history: Sequence[Entry], *, under_way: bool) -> int | None:
    """After which message to begin so that half of the history is no longer sent, or less where more cannot go.

    None when nothing can. Of a turn that is `under_way`, its prompt being in the history, the last step stays.
    """
    sizes = [len(json.dumps(entry.content)) for entry in history]
    seams = set(_seams(history, under_way))
    half, dropped, best = sum(sizes) / 2, 0, None
    for entry, size in zip(history, sizes, strict=True):
        dropped += size
        if entry.seq in seams:
            best = entry.seq
            if dropped >= half:
                break
    return best


def _seams(history: Sequence[Entry], under_way: bool) -> Iterator[int]:
    """After which messages the history may begin: before a prompt or, in a turn under way, between two of its steps."""
    turn = max((at for at, entry in enumerate(history) if _is_prompt(entry)), default=-1) if under_way else len(history)
    open_calls: dict[str, int] = {}
    for at, (entry, following) in enumerate(zip(history, [*history, None][1:], strict=True)):
        follow(entry.content, open_calls)
        if following is None:
            if not under_way:
                yield entry.seq
        elif _is_prompt(following) or (
            at > turn and entry.answers and not open_calls and following.role == "assistant"
        ):
            yield entry.seq


def _is_prompt(entry: Entry) -> bool:
    return entry.role == "user" and not entry.answers


def _with_a_beginning(history: Sequence[Entry], opening: Sequence[Block], note: Sequence[Block]) -> Sequence[Entry]:
    """The history from words of the user on: a result whose call is no longer sent stays behind."""
    if not history or _is_prompt(history[0]):
        return history
    first = replace(history[0], content=[block for block in history[0].content if block["type"] != "tool_result"])
    rest = [first, *history[1:]] if first.content else history[1:]
    if rest and rest[0].role == "user":
        return rest
    if any(entry.role == "user" and not is_results_only(entry.content) for entry in rest):
        return [Entry(0, "user", [GONE]), *rest]
    return [Entry(0, "user", [*opening, GONE]), Entry(0, "system", list(note)), *rest]


def _unpaired(history: Sequence[Entry], *, ended: bool) -> set[str]:
    """The calls of Claude's own tools that a turn was stopped at, never to be answered; and results without a call."""
    found: set[str] = set()
    open_calls: dict[str, int] = {}
    for entry in history:
        if entry.role == "assistant":
            found.update(follow(entry.content, open_calls))
        elif open_calls and not is_results_only(entry.content):
            found.update(open_calls)
            open_calls.clear()
    return found.union(open_calls) if ended else found


def _add(sent: list[dict[str, Any]], role: str, content: list[Block]) -> None:
    if not content:
        return
    if role == "user":
        _close_reply(sent)
    if role == "user" and len(sent) > 1 and sent[-1]["role"] == "system":
        note = sent.pop()  # of a turn that was stopped: it stands before the next reply
        _add(sent, "user", content)
        sent.append(note)
    elif sent and sent[-1]["role"] == role:
        sent[-1] = {"role": role, "content": [*sent[-1]["content"], *content]}
    else:
        sent.append({"role": role, "content": content})


def _close_reply(sent: list[dict[str, Any]]) -> None:
    """A reply that ends with thinking was cut off there; Claude takes it only without."""
    if not sent or sent[-1]["role"] != "assistant" or sent[-1]["content"][-1]["type"] not in THINKING:
        return
    last = max((at for at, block in enumerate(sent[-1]["content"]) if block["type"] not in THINKING), default=-1)
    if last < 0:
        sent.pop()
    else:
        sent[-1] = {"role": "assistant", "content": sent[-1]["content"][: last + 1]}


def _is_sent(block: Block, entry: Entry, cut: int, left_out: set[str]) -> bool:
    if entry.role == "assistant" and block["type"] in THINKING:
        return entry.seq > cut and bool(block.get("signature") or block.get("data"))
    if left_out and (block.get("id") in left_out or block.get("tool_use_id") in left_out):
        return False
    return not _is_blank(block)


def _is_blank(block: Block) -> bool:
    return block["type"] == "text" and not block["text"].strip()
