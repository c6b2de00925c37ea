"""What one agent reads of another's turns in a session they share. Pure.

Calls and their results name tools that the reader may not have, and thinking belongs to the model and the prompt in
front of it. So the reader is told in words what the other did; what the other said, and who asked, stays as it was.
"""

import json
from collections.abc import Iterable
from typing import Any

from overnight.history.blocks import THINKING, Block
from overnight.history.context import Entry, readable

#: An agent's id and version; None: the session's own.
Author = tuple[str, int] | None

#: What everybody can read.
PLAIN = frozenset({"text", "image", "document"})


def read_by(reader: Author, rows: Iterable[Any]) -> list[Entry]:
    """Rows of the ledger (seq, role, content, created_at, agent_id, agent_version) as the reader's history."""
    return [_entry(row, is_own=author(row) == reader) for row in rows]


def author(row: Any) -> Author:
    """In whose turn it was said: of a row of the ledger, or a task."""
    return None if row.agent_id is None else (row.agent_id, row.agent_version)


def summary_for(reader: Author, model: str, summary: list[Block] | None, writer: str | None) -> list[Block] | None:
    """A summary by the model `writer` (None: the session's own) as the reader's `model` takes it."""
    is_own = reader is None if writer is None else writer == model
    if summary is None or is_own:
        return summary
    return readable([Entry(0, "user", summary)])[0].content


def _entry(row: Any, *, is_own: bool) -> Entry:
    content = row.content if is_own else [told for block in row.content for told in _told(block)]
    return Entry(row.seq, row.role, content, row.created_at)


def _told(block: Block) -> list[Block]:
    kind = block["type"]
    if kind in PLAIN:
        return [{name: value for name, value in block.items() if name != "citations"}]
    if kind in THINKING:
        return []
    if "input" in block:
        return _says(f"(Another agent called {block.get('name', kind)} with {json.dumps(block['input'])}.)")
    if kind == "tool_result":
        return [*_says("(The result:)"), *_result(block.get("content") or "")]
    return _says(f"(Another agent had a {kind.replace('_', ' ')}.)")


def _result(content: Any) -> list[Block]:
    if isinstance(content, str):
        return _says(content)
    return [block if block["type"] in PLAIN else _says(f"({block['type']})")[0] for block in content]


def _says(text: str) -> list[Block]:
    return [{"type": "text", "text": text}] if text.strip() else []
