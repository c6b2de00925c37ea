"""A reply as the frames of a server-sent event stream."""

import json
import re
from collections.abc import Iterator
from json.encoder import encode_basestring as quoted
from typing import NamedTuple

from ops.simulator.conversation import Block
from ops.simulator.replies import Reply
from ops.simulator.shapes import Envelope, block_start, message_delta, message_start

WORDS = re.compile(r"\S+\s*|\s+")
WORDS_A_DELTA = 2
THINKING_DELTAS = 4
TOOL_DELTAS = 3
PING = b'event: ping\ndata: {"type": "ping"}\n\n'
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'

as_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class Frames(NamedTuple):
    """A stream in the pieces it is paced by: what comes at once, the deltas, what ends it."""

    head: bytes
    deltas: list[bytes]
    tail: bytes


def frame(event: str, data: str) -> bytes:
    """One event. A lone surrogate, which UTF-8 cannot carry, stays a JSON escape."""
    return f"event: {event}\ndata: {data}\n\n".encode("utf-8", "backslashreplace")


def frames(reply: Reply, envelope: Envelope, text_deltas: int | None = None) -> Frames:
    """The whole stream; text comes in `text_deltas` pieces, or a few words at a time."""
    head = frame("message_start", as_json(message_start(reply, envelope)))
    deltas: list[bytes] = []
    for index, block in enumerate(reply.blocks):
        opening = frame("content_block_start", as_json(block_start(index, block)))
        if index == 0:
            head += opening + PING
        else:
            deltas[-1] += opening
        pieces = [_delta(index, *piece) for piece in _pieces(block, text_deltas)]
        # As recorded: a call that `max_tokens` cuts is never closed.
        closing = (
            b"" if block.get("cut") else frame("content_block_stop", f'{{"type":"content_block_stop","index":{index}}}')
        )
        if pieces or not deltas:
            deltas += pieces or [b""]
        deltas[-1] += closing
    return Frames(head, deltas, frame("message_delta", as_json(message_delta(reply, envelope))) + STOP)


def _pieces(block: Block, text_deltas: int | None) -> Iterator[tuple[str, str, str]]:
    """(delta type, its field, its text) of each delta of a block."""
    if block["type"] == "text":
        pieces = split(block["text"], text_deltas) if text_deltas else words(block["text"])
        yield from (("text_delta", "text", piece) for piece in pieces)
    elif block["type"] == "thinking":
        yield from (("thinking_delta", "thinking", piece) for piece in split(block["thinking"], THINKING_DELTAS))
        yield "signature_delta", "signature", block["signature"]
    elif "json" in block:
        pieces = [] if block["json"] == "{}" else split(block["json"], TOOL_DELTAS)
        yield from (("input_json_delta", "partial_json", piece) for piece in ["", *pieces])


def _delta(index: int, kind: str, name: str, piece: str) -> bytes:
    data = f'{{"type":"content_block_delta","index":{index},"delta":{{"type":"{kind}","{name}":{quoted(piece)}}}}}'
    return frame("content_block_delta", data)


def split(text: str, pieces: int) -> list[str]:
    """Text in `pieces` parts of equal length, fewer when it has fewer characters."""
    pieces = max(1, min(pieces, len(text)))
    return [text[len(text) * n // pieces : len(text) * (n + 1) // pieces] for n in range(pieces)]


def words(text: str) -> list[str]:
    """Text a few words at a time."""
    found = WORDS.findall(text) or [text]
    return ["".join(found[n : n + WORDS_A_DELTA]) for n in range(0, len(found), WORDS_A_DELTA)]
