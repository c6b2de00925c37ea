"""Compaction on demand: a conversation summarised in a signed block, which is then sent in its place."""

from typing import Any

from ops.simulator.conversation import Block, blocks, text_of
from ops.simulator.directives import parse
from ops.simulator.errors import Refused
from ops.simulator.models import find_model
from ops.simulator.replies import NOTICE, Reply
from ops.simulator.thinking import is_intact, sign

BETA = "compact-2026-09-04"
QUOTED = 60
UNKNOWN_BLOCK = "messages.{n}.content.{at}: Input tag 'compaction' does not match any of the expected tags"


def check_compaction(request: dict[str, Any], betas: set[str]) -> None:
    """Raise Refused for a request to compact, or a block that came of one, as Claude would."""
    if request.get("compaction"):
        _check_request(request, betas)
    found = [
        (n, at, block)
        for n, message in enumerate(request["messages"])
        if not isinstance(message["content"], str)
        for at, block in enumerate(message["content"])
        if block["type"] == "compaction"
    ]
    for n, at, block in found:
        _check_block(n, at, block, betas)
    if len(found) > 1:
        raise Refused(400, "messages: more than one compaction block", error_code="compaction_block_ambiguous")


def _check_request(request: dict[str, Any], betas: set[str]) -> None:
    model = find_model(request["model"])
    if BETA not in betas:
        raise Refused(400, f"compaction: requires anthropic-beta: {BETA}")
    if model is None or not model.compacts:
        raise Refused(400, f"compaction: {request['model']} does not support it")
    if request.get("context_management"):
        raise Refused(400, "compaction: cannot be combined with context_management")
    if (request.get("tool_choice") or {}).get("type") in {"any", "tool"} or request.get("stop_sequences"):
        raise Refused(400, "compaction: cannot be combined with a forced tool_choice or stop_sequences")


def _check_block(n: int, at: int, block: Block, betas: set[str]) -> None:
    if BETA not in betas:
        raise Refused(400, UNKNOWN_BLOCK.format(n=n, at=at))
    if n or at:
        raise Refused(400, "messages: the compaction block is not first", error_code="compaction_block_misplaced")
    if not is_intact(block.get("content") or "", block.get("signature") or ""):
        raise Refused(400, "messages: the compaction block was changed", error_code="compaction_signature_invalid")


def compacted(request: dict[str, Any]) -> Reply:
    """The summary alone."""
    messages = request["messages"]
    spoken = [parse(text)[0] for message in messages if message["role"] == "user" and (text := text_of(message))]
    quoted = " / ".join(" ".join(text.split())[:QUOTED] for text in [*spoken[:1], *spoken[1:][-2:]])
    earlier = [block for block in blocks(messages[0]["content"]) if block["type"] == "compaction"]
    of = f"{len(messages)} messages" + (" and an earlier summary" if earlier else "")
    content = f"{NOTICE} Summary of {of}. The user wrote: {quoted}"
    return Reply(({"type": "compaction", "content": content, "signature": sign(content)},), "compaction")
