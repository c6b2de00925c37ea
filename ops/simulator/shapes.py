"""The JSON objects of an answer, with the very fields that recorded ones have."""

import json
from dataclasses import dataclass
from typing import Any

from ops.simulator.cache import Usage
from ops.simulator.conversation import Block
from ops.simulator.replies import Reply

Json = dict[str, Any]
NOTHING = Usage(0)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What surrounds the content of one answer."""

    message_id: str
    model: str
    usage: Usage


def message(reply: Reply, envelope: Envelope) -> Json:
    """The answer to a request that does not stream."""
    return {
        **_head(envelope),
        "content": [_whole(block) for block in reply.blocks],
        "stop_reason": reply.stop_reason,
        "stop_details": reply.stop_details,
        "usage": {
            **_usage(reply, envelope.usage, reply.output_tokens),
            **_searches(reply),
            **_iterations(reply, envelope.usage),
        },
    }


def message_start(reply: Reply, envelope: Envelope) -> Json:
    """What a stream begins with: the message without its content."""
    usage = _usage(reply, envelope.usage, output_tokens=1 if reply.blocks else 0)
    return {"type": "message_start", "message": {**_head(envelope), "usage": usage}}


def message_delta(reply: Reply, envelope: Envelope) -> Json:
    """What a stream tells last: why it stopped and what it cost."""
    stop = {"stop_reason": reply.stop_reason, "stop_sequence": None, "stop_details": reply.stop_details}
    output = 0 if _is_compaction(reply) else reply.output_tokens
    spent = {"output_tokens": output, "output_tokens_details": {"thinking_tokens": reply.thinking_tokens}}
    used = _input(NOTHING if _is_compaction(reply) else envelope.usage)
    usage = {**used, **spent, **_searches(reply), **_iterations(reply, envelope.usage)}
    return {"type": "message_delta", "delta": stop, "usage": usage}


def block_start(index: int, block: Block) -> Json:
    """A content block before its deltas."""
    return {"type": "content_block_start", "index": index, "content_block": _empty(block)}


def _head(envelope: Envelope) -> Json:
    return {
        "model": envelope.model,
        "id": envelope.message_id,
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
    }


def _usage(reply: Reply, usage: Usage, output_tokens: int) -> Json:
    counted = _counted(NOTHING, 0) if _is_compaction(reply) else _counted(usage, output_tokens)
    # As recorded: what is refused before a model saw it has no service tier.
    tier = {} if reply.stop_reason == "refusal" else {"service_tier": "standard"}
    return {**counted, **tier, "inference_geo": "not_available"}


def _counted(usage: Usage, output_tokens: int) -> Json:
    hour = usage.written_for_an_hour
    kept = {"ephemeral_5m_input_tokens": usage.written - hour, "ephemeral_1h_input_tokens": hour}
    return {**_input(usage), "cache_creation": kept, "output_tokens": output_tokens}


def _is_compaction(reply: Reply) -> bool:
    return reply.stop_reason == "compaction"


def _iterations(reply: Reply, usage: Usage) -> Json:
    """What a compaction took is told here alone."""
    if not _is_compaction(reply):
        return {}
    return {"iterations": [{"type": "compaction", **_counted(usage, reply.output_tokens)}]}


def _searches(reply: Reply) -> Json:
    """How often Claude's own search and fetch were used: told only when one of them was."""
    done = [block["type"] for block in reply.blocks]
    counts = {f"{name}_requests": done.count(f"{name}_tool_result") for name in ("web_search", "web_fetch")}
    return {"server_tool_use": counts} if any(counts.values()) else {}


def _input(usage: Usage) -> dict[str, int]:
    return {
        "input_tokens": usage.fresh,
        "cache_creation_input_tokens": usage.written,
        "cache_read_input_tokens": usage.cached,
    }


def _empty(block: Block) -> Block:
    match block["type"]:
        case "text":
            return {"type": "text", "text": ""}
        case "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}
    return _call(block, {}) if "json" in block else block


def _whole(block: Block) -> Block:
    if "json" not in block:
        return block
    try:
        return _call(block, json.loads(block["json"]))
    except ValueError:
        return _call(block, {})


def _call(block: Block, given: Json) -> Block:
    call = {"type": block["type"], "id": block["id"], "name": block["name"], "input": given}
    if block["type"] == "mcp_tool_use":
        call["server_name"] = block["server_name"]
    return {**call, "caller": {"type": "direct"}} if block["type"] == "tool_use" else call
