"""What to say: a reply as content blocks and a stop reason, from the conversation and the directives."""

from dataclasses import dataclass
from itertools import islice
from typing import Any

from ops.simulator.calls import (
    SEARCH,
    call,
    directed_calls,
    mentioned_calls,
    pausing_call,
    server_result,
)
from ops.simulator.conversation import Block, Turn, current_turn, open_server_calls, text_of, tool_results
from ops.simulator.directives import Directives, parse
from ops.simulator.plan import plan_for
from ops.simulator.scripts import scripted
from ops.simulator.thinking import THOUGHT, thought

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
    """The reply to a valid request. Refused when it is to call a tool that the request does not have."""
    if wanted.refusal:
        return Reply((), "refusal", REFUSAL)
    turn = current_turn(request["messages"])
    content, stop = _content(request, wanted, turn)
    if wanted.thinking:
        content = [thought(THOUGHT), *content]
    content = [*map(server_result, open_server_calls(request["messages"])), *content]
    kept = _within(content, request["max_tokens"])
    cut = kept != content or any(block.get("cut") for block in kept)
    return Reply(tuple(kept), "max_tokens" if cut else stop or _stop_reason(content, wanted))


def _content(request: dict[str, Any], wanted: Directives, turn: Turn) -> tuple[list[Block], str | None]:
    """The blocks, and why they stop where that is told with them."""
    if turn.step < len(wanted.script):
        return scripted(request, wanted, turn.step)
    # The replies of the script, or else the pauses, come before all others.
    step = turn.step - (len(wanted.script) or wanted.pauses)
    if step < 0:
        said = [{"type": "text", "text": wanted.reply}] if wanted.reply else []
        return [*said, pausing_call(wanted)], "pause_turn"
    if called := directed_calls(request, wanted, step):
        own = [call("server_tool_use", wanted.server_tool, SEARCH)] if wanted.server_tool and step == 0 else []
        return [*own, *called], None
    if not wanted.says_what and (called := mentioned_calls(request, parse(turn.text)[0], step)):
        return called, None
    text = _answer(request) if wanted.reply is None else _filled(wanted.reply, request)
    said = [{"type": "text", "text": text}] if text else []
    return [*_searched(wanted, step), *said], None


def _searched(wanted: Directives, step: int) -> list[Block]:
    """A call of one of Claude's own tools with its result, at the beginning of a turn that asks for it."""
    if not wanted.server_tool or wanted.pauses or step:
        return []
    asked = call("server_tool_use", wanted.server_tool, SEARCH)
    return [asked, server_result(asked)]


def _stop_reason(content: list[Block], wanted: Directives) -> str:
    if wanted.window_exceeded:
        return "model_context_window_exceeded"
    # A pause makes the client ask again: those that are due have been told, or the turn would never end.
    if wanted.stop_reason and wanted.stop_reason != "pause_turn":
        return wanted.stop_reason
    return "tool_use" if any(block["type"] == "tool_use" for block in content) else "end_turn"


def _filled(reply: str, request: dict[str, Any]) -> str:
    return reply.replace("{results}", " | ".join(tool_results(request["messages"])))


def _answer(request: dict[str, Any]) -> str:
    messages = request["messages"]
    if results := tool_results(messages):
        return f"{NOTICE} The tools said: {' | '.join(results)[:400]}"
    spoken = (text for message in reversed(messages) if message["role"] == "user" and (text := text_of(message)))
    prompts = [parse(text)[0] for text in islice(spoken, PROMPTS_A_PLAN_SPANS)][::-1] or [""]
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
            return [*kept, _cut(block, left)] if left and ("text" in block or "json" in block) else kept
        kept.append(block)
        left -= _size(block)
    return kept


def _cut(block: Block, left: int) -> Block:
    if "json" in block:
        return {**block, "json": block["json"][:left], "cut": True}
    return {**block, "text": block["text"][:left]}


def _size(block: Block) -> int:
    return len(block.get("text") or block.get("thinking") or block.get("json") or block.get("content") or "")
