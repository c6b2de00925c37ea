"""What is sent to Claude, chosen from the ledger. Pure: the ledger itself is never rewritten."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from overnight.history.blocks import THINKING, Block, follow, is_results_only

GONE = {"type": "text", "text": "(What was said and done here earlier is no longer shown.)"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of the ledger; number 0 is not there, but made for what is sent."""

    seq: int
    role: str
    content: list[Block]
    at: datetime | None = None

    @property
    def answers(self) -> bool:
        """Whether it has results of calls of the message before."""
        return any(block["type"] == "tool_result" for block in self.content)

    @property
    def is_prompt(self) -> bool:
        return self.role == "user" and not self.answers


def entries(end: int, said: Sequence[tuple[str, list[Block]]], at: datetime | None = None) -> list[Entry]:
    """What has just entered the ledger, whose last number is now `end`."""
    return [Entry(end - len(said) + place, role, content, at) for place, (role, content) in enumerate(said, 1)]


def recalled(summary: list[Block] | None, kept: Sequence[Entry], tail: Sequence[Entry]) -> list[Entry]:
    """The history of a context: the summary of what is no longer sent, what is sent of it all the same, the rest."""
    return [*([Entry(0, "user", summary)] if summary else []), *kept, *tail]


def readable(history: Sequence[Entry]) -> list[Entry]:
    """For another model than the session's: a summary of Claude's compaction as its text."""
    return [replace(entry, content=[_as_text(block) for block in entry.content]) for entry in history]


def _as_text(block: Block) -> Block:
    return {"type": "text", "text": block.get("content") or "…"} if block["type"] == "compaction" else block


def messages(
    history: Sequence[Entry],
    prompt: list[Block],
    cut: int,
    *,
    opening: Sequence[Block] = (),
    note: Sequence[Block] = (),
    begin_after: int = 0,
) -> list[dict[str, Any]]:
    """The request's messages: the history, then the prompt; without a prompt the turn under way goes on.

    Thinking is bound to what preceded it: of replies up to `cut`, whose beginning is no longer sent, it is left out.
    Of the history up to `begin_after` only some is there. `opening` is what the turn under way began with, sent again
    when the history begins within that turn. `note` is the system message that goes with either.
    """
    spoken = [block for block in prompt if not _is_blank(block)]
    kept, tail = parted(history, begin_after)
    sent = lead(kept)
    if spoken:
        rest = _with_a_beginning(tail, (), ())
    else:
        rest = _with_a_beginning(tail, opening, note) if tail else [Entry(0, "user", [*opening]), *_note(note)]
    if kept and kept[-1].seq and not (rest and rest[0].content[-1:] == [GONE]):
        _add(sent, "user", [GONE])
    left_out = _unpaired(tail, ended=bool(spoken))
    for entry in rest:
        _add(sent, entry.role, [block for block in entry.content if _is_sent(block, entry, cut, left_out)])
    _add(sent, "user", spoken)
    _add(sent, "system", list(note) if spoken else [])
    return sent


def parted(history: Sequence[Entry], begin_after: int) -> tuple[Sequence[Entry], Sequence[Entry]]:
    """What is sent of the time up to `begin_after`, and all since."""
    begin = next((at for at, entry in enumerate(history) if entry.seq > begin_after), len(history))
    return history[:begin], history[begin:]


def lead(kept: Sequence[Entry]) -> list[dict[str, Any]]:
    """The messages that what is kept makes: calls with their results, or neither."""
    left_out = _unpaired(kept, ended=True) | _without_partner(kept)
    sent: list[dict[str, Any]] = []
    for entry in kept:
        content = [block for block in entry.content if _is_sent(block, entry, entry.seq, left_out)]
        if not sent and content and entry.role == "assistant":
            _add(sent, "user", [GONE])
        _add(sent, entry.role, content)
    return sent


def _without_partner(kept: Sequence[Entry]) -> set[str]:
    """Calls that the next message of the ledger does not answer here, and results without their call."""
    found: set[str] = set()
    asked: set[str] = set()
    before = None
    for entry in kept:
        follows = before is not None and before.seq + 1 == entry.seq
        answered = {block["tool_use_id"] for block in entry.content if block["type"] == "tool_result"}
        found |= asked ^ answered if follows else asked | answered
        asked = {block["id"] for block in entry.content if block["type"] == "tool_use"}
        before = entry
    return found | asked


def seams(history: Sequence[Entry], *, under_way: bool) -> Iterator[int]:
    """After which messages the history may begin: before a prompt or, in a turn under way, between two of its steps."""
    turn = max((at for at, entry in enumerate(history) if entry.is_prompt), default=-1) if under_way else len(history)
    open_calls: dict[str, int] = {}
    for at, (entry, following) in enumerate(zip(history, [*history, None][1:], strict=True)):
        if entry.is_prompt:
            open_calls.clear()  # those of a turn that was stopped are not sent
        follow(entry.content, open_calls)
        if following is None:
            if not under_way:
                yield entry.seq
        elif following.is_prompt or (at > turn and entry.answers and not open_calls and following.role == "assistant"):
            yield entry.seq


def _with_a_beginning(history: Sequence[Entry], opening: Sequence[Block], note: Sequence[Block]) -> Sequence[Entry]:
    """The history from words of the user on: a result whose call is no longer sent stays behind."""
    if not history or history[0].is_prompt:
        return history
    first = replace(history[0], content=[block for block in history[0].content if block["type"] != "tool_result"])
    rest = [first, *history[1:]] if first.content else history[1:]
    if rest and rest[0].role == "user":
        return rest
    if any(entry.role == "user" and not is_results_only(entry.content) for entry in rest):
        return [Entry(0, "user", [GONE]), *rest]
    return [Entry(0, "user", [*opening, GONE]), *_note(note), *rest]


def _note(note: Sequence[Block]) -> list[Entry]:
    return [Entry(0, "system", list(note))] if note else []


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
        close_reply(sent)
    if role == "user" and len(sent) > 1 and sent[-1]["role"] == "system":
        note = sent.pop()  # of a turn that was stopped: it stands before the next reply
        _add(sent, "user", content)
        sent.append(note)
    elif sent and sent[-1]["role"] == role:
        sent[-1] = {"role": role, "content": [*sent[-1]["content"], *content]}
    else:
        sent.append({"role": role, "content": content})


def close_reply(sent: list[dict[str, Any]]) -> None:
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
