"""How many tokens content has, guessed from its looks: what Claude counts is known when it has answered."""

from collections.abc import Sequence
from typing import Any

CHARACTERS_A_TOKEN = 4
#: What a picture takes at most, at the size to which Claude scales it.
PICTURE = 1_600.0
#: Characters of base64 for each token of a document: some 100 kB and 3,300 tokens a page.
ENCODED_A_TOKEN = 40


def in_text(blocks: Sequence[dict[str, Any]]) -> float:
    """Tokens of content blocks."""
    return sum(_of(block) for block in blocks)


def in_words(text: str | None) -> float:
    return len(text or "") / CHARACTERS_A_TOKEN


def _of(block: dict[str, Any]) -> float:
    match block:
        case {"type": "image"}:
            return PICTURE
        case {"type": "document", "source": {"type": "base64", "data": str(data)}}:
            return len(data) / ENCODED_A_TOKEN
        case {"type": "tool_result", "content": list(content)}:
            return in_text(content)
        case {"text": str(text)}:
            return in_words(text)
    return in_words(str(block))
