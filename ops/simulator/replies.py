"""What to say: a reply as content blocks and a stop reason, from the conversation and the directives."""

import json
import secrets
from dataclasses import dataclass
from typing import Any

from ops.simulator.conversation import Block, current_turn, text_of, tool_results
from ops.simulator.directives import Directives, parse
from ops.simulator.plan import plan_for
from ops.simulator.thinking import THOUGHT, sign

NOTICE = "Simulated answer (no model was called)."
PROMPTS_A_PLAN_SPANS = 3
REFUSAL = {
    "type": "refusal",
    "category": "general_harms",
    "explanation": "This request was blocked by the simulator because its prompt asked for a refusal.",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What Claude says. A block that calls a tool holds its input as the JSON text that is streamed, under `json`."""

    blocks: tuple[Block, ...]
    stop_reason: str
    stop_details: dict[str, Any] | None = None

    @property
    def output_tokens(self) -> int:
        return sum(map(_size, self.blocks)) // 4 + 1 if self.blocks else 0

    @property
    def thinking_tokens(self) -> int:
        return sum(_size(block) for block in self.blocks if block["type"] == "thinking") // 4


def compose(request: dict[str, Any], wanted: Directives) -> Reply:
    """The reply to a valid request."""
    if wanted.refusal:
        return Reply((), "refusal", REFUSAL)
    step = current_turn(request["messages"]).step
    content = _content(request, wanted, step)
    if wanted.thinking:
        content = [_thinking(THOUGHT), *content]
    kept = _within(content, request["max_tokens"])
    return Reply(tuple(kept), "max_tokens" if kept != content else _stop_reason(content, wanted, step))


def _content(request: dict[str, Any], wanted: Directives, step: int) -> list[Block]:
    if wanted.script and step < len(wanted.script):
        return [_scripted(block) for block in wanted.script[step]]
    if wanted.tool and step == 0:
        return [_call("tool_use", wanted.tool, wanted.input)]
    text = _answer(request) if wanted.reply is None else wanted.reply
    said = [{"type": "text", "text": text}] if text else []
    if wanted.stop_reason == "pause_turn" and step == 0:
        return [*said, _call("server_tool_use", "web_search", '{"query": "simulated"}')]
    return said


def _stop_reason(content: list[Block], wanted: Directives, step: int) -> str:
    if wanted.window_exceeded:
        return "model_context_window_exceeded"
    # A pause makes the client ask again, so it is given once a turn, or the turn would never end.
    if wanted.stop_reason and (step == 0 or wanted.stop_reason != "pause_turn"):
        return wanted.stop_reason
    return "tool_use" if any(block["type"] == "tool_use" for block in content) else "end_turn"


def _scripted(block: Block) -> Block:
    if block["type"] == "tool_use":
        return _call("tool_use", block["name"], json.dumps(block.get("input", {})))
    return _thinking(block["thinking"]) if block["type"] == "thinking" else block


def _thinking(thought: str) -> Block:
    return {"type": "thinking", "thinking": thought, "signature": sign(thought)}


def _call(kind: str, name: str, given: str) -> Block:
    prefix = "srvtoolu" if kind == "server_tool_use" else "toolu"
    return {"type": kind, "id": f"{prefix}_sim{secrets.token_hex(10)}", "name": name, "json": given}


def _answer(request: dict[str, Any]) -> str:
    messages = request["messages"]
    if results := tool_results(messages):
        return f"{NOTICE} The tools said: {' | '.join(results)[:400]}"
    recent = [message for message in messages if message["role"] == "user"][-PROMPTS_A_PLAN_SPANS:]
    prompts = [parse(text_of(message))[0] for message in recent]
    return plan_for(prompts) or f'{NOTICE} You wrote: "{_quotable(prompts[-1])}" {_length(messages)}'


def _quotable(prompt: str) -> str:
    return " ".join(prompt[:80].split()) + ("…" if len(prompt) > 80 else "")


def _length(messages: list[dict[str, Any]]) -> str:
    return f"The conversation so far has {len(messages)} message{'' if len(messages) == 1 else 's'}."


def _within(content: list[Block], max_tokens: int) -> list[Block]:
    """Content up to where `max_tokens` ends."""
    left = 4 * max_tokens
    kept: list[Block] = []
    for block in content:
        if _size(block) > left:
            name = {"text": "text", "tool_use": "json"}.get(block["type"])
            return [*kept, {**block, name: block[name][:left]}] if name and left else kept
        kept.append(block)
        left -= _size(block)
    return kept


def _size(block: Block) -> int:
    return len(block.get("text") or block.get("thinking") or block.get("json") or "")
