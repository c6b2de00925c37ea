"""How large content is, told before anybody has counted it. In tokens."""

import json
from collections.abc import Iterable

from overnight.history.blocks import Block
from overnight.history.context import Entry

#: Rather too few: what is taken for too large is counted, what is taken for too small is refused.
CHARACTERS_A_TOKEN = 3
#: Of an image or a document that is told by bytes: their number says little.
MEDIA = 1_600


def of_content(content: Iterable[Block]) -> int:
    return sum(map(_of_block, content))


def of_entries(history: Iterable[Entry]) -> int:
    return sum(of_content(entry.content) for entry in history)


def of_text(text: str | None) -> int:
    return len(text or "") // CHARACTERS_A_TOKEN


def _of_block(block: Block) -> int:
    if block["type"] == "text":
        return len(block["text"]) // CHARACTERS_A_TOKEN + 1
    if block["type"] in {"image", "document"}:
        return MEDIA
    if isinstance(parts := block.get("content"), list):
        return sum(_of_block(part) if isinstance(part, dict) and "type" in part else MEDIA for part in parts) + 20
    return len(json.dumps(block)) // CHARACTERS_A_TOKEN + 1
