"""Where Claude's prompt cache is told to keep what was sent, and for how long. Pure."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

from overnight.history.blocks import THINKING
from overnight.history.context import Entry, lead, parted

Message = dict[str, Any]
Place = tuple[int, int]

FIVE_MINUTES, HOUR = timedelta(minutes=5), timedelta(hours=1)
#: So many pauses between turns are looked at, the newest.
PAUSES = 50
#: Of the price of a fresh token: what one costs more whose context has lapsed, and one that is kept for an hour.
LAPSED, HOURLY = 1.15, 0.75


def control(history: Sequence[Entry]) -> dict[str, str]:
    """Kept for an hour where that pays: a pause that only an hour bridges saves the writing of all that is sent.

    Against it stands that all is written once at the higher price, and again after each pause that is longer still.
    """
    pauses = [
        prompt.at - before.at
        for before, prompt in pairwise(history)
        if prompt.at and before.at and prompt.at - before.at > FIVE_MINUTES and prompt.is_prompt
    ][-PAUSES:]
    bridged = sum(pause <= HOUR for pause in pauses)
    pays = bridged * LAPSED > (1 + len(pauses) - bridged) * HOURLY
    return {"type": "ephemeral", "ttl": "1h"} if pays else {"type": "ephemeral"}


def places(messages: Sequence[Message], history: Sequence[Entry], begin_after: int) -> list[Place]:
    """(message, block) of the markers within the messages; the one at their end, Claude sets itself.

    One stands where the last request ended, since Claude looks only twenty blocks back from a marker; one after what is
    kept from before the cut, which the next cut leaves as it is.
    """
    reply = max((at for at, message in enumerate(messages) if message["role"] == "assistant"), default=0)
    kept = lead(parted(history, begin_after)[0])
    ends = [len(kept) - 1, reply - 1]
    blocks = [len(kept[-1]["content"]) - 1 if kept else 0, None]
    found = [_last_marked(messages, at, block) for at, block in zip(ends, blocks, strict=True) if at >= 0]
    return list(dict.fromkeys(place for place in found if place is not None))


def marked(messages: Sequence[Message], places: Sequence[Place], control: dict[str, str]) -> list[Message]:
    """The messages with `control` at the places; those that were given stay as they are."""
    sent = list(messages)
    for at, place in places:
        content = list(sent[at]["content"])
        content[place] = {**content[place], "cache_control": control}
        sent[at] = {**sent[at], "content": content}
    return sent


def _last_marked(messages: Sequence[Message], at: int, block: int | None) -> Place | None:
    content = messages[at]["content"]
    last = len(content) - 1 if block is None else block
    return next(((at, place) for place in range(last, -1, -1) if content[place]["type"] not in THINKING), None)
