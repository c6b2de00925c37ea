"""A request to Claude: what is sent of a conversation, and what of it the prompt cache is to keep. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from overnight.history import caching, context
from overnight.history.blocks import Block
from overnight.history.caching import Place, marked
from overnight.history.context import Entry

#: Named with every request that asks for a compaction, or sends what came of one.
COMPACTION = "compact-2026-09-04"
#: Characters of system prompt and tools below which no model caches them alone.
LEAST_CACHED = 1_500

Definition = dict[str, Any]
#: Of a summary, at most.
SUMMARY_TOKENS = 8_000


@dataclass(frozen=True, slots=True)
class Request:
    model: str
    max_tokens: int
    system: str | None
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] = field(default_factory=list)
    tool_choice: dict[str, Any] | None = None
    is_paused: bool = False  # the last message is Claude's, who paused and goes on
    marks: Sequence[Place] = ()  # where the cache is to keep the messages, beside their end
    cache: dict[str, str] = field(default_factory=lambda: {"type": "ephemeral"})
    compacts: bool = False  # the answer is to be a summary

    @property
    def may_end_with_a_reply(self) -> bool:
        return self.is_paused or self.compacts

    def parameters(self) -> dict[str, Any]:
        """For `messages.create`. What stands before a mark can be read again at a tenth of its price, or less."""
        more: dict[str, Any] = {"tool_choice": self.tool_choice} if self.tool_choice else {}
        if self.compacts:
            more["extra_body"] = {"compaction": {"type": "summarize"}}
        return {**self.prompt(), "max_tokens": self.max_tokens, "cache_control": self.cache, **more}

    def prompt(self) -> dict[str, Any]:
        """What can be counted."""
        sent = {"model": self.model, "messages": marked(self.messages, self.marks, self.cache), **self._preamble()}
        has_summary = any(block["type"] == "compaction" for block in self.messages[0]["content"][:1])
        if self.compacts or has_summary:
            sent["extra_headers"] = {"anthropic-beta": COMPACTION}
        return sent

    def _preamble(self) -> dict[str, Any]:
        """Tools and system prompt, the same in all requests of a session: marked, so that a cut leaves them."""
        said: dict[str, Any] = {"tools": self.tools} if self.tools else {}
        if self.system:
            said["system"] = self.system
        if len(self.system or "") + (len(str(self.tools)) if self.tools else 0) < LEAST_CACHED:
            return said
        if self.system:
            return {**said, "system": [{"type": "text", "text": self.system, "cache_control": self.cache}]}
        return {"tools": [*self.tools[:-1], {**self.tools[-1], "cache_control": self.cache}]}


@dataclass(frozen=True, slots=True)
class Setting:
    """What a session's requests have in common while nothing is cut: from where the ledger is sent, and what with."""

    model: str
    max_tokens: int
    system: str | None = None
    tools: Sequence[Definition] = ()
    begin_after: int = 0
    cut: int = 0


def next_request(
    setting: Setting,
    history: Sequence[Entry],
    prompt: list[Block],
    *,
    opening: Sequence[Block] = (),
    note: Sequence[Block] = (),
) -> Request:
    """The next one of a turn, as `context.messages` has it."""
    sent = context.messages(history, prompt, setting.cut, opening=opening, note=note, begin_after=setting.begin_after)
    return Request(
        setting.model,
        setting.max_tokens,
        setting.system,
        sent,
        list(setting.tools),
        is_paused=not prompt and bool(history) and history[-1].role == "assistant",
        marks=caching.places(sent, history, setting.begin_after),
        cache=caching.control(history),
    )


def compaction_request(setting: Setting, older: Sequence[Entry], opening: Sequence[Block] = ()) -> Request:
    """To be answered with a block that stands for all that it holds."""
    sent = context.messages(older, [], setting.cut, opening=opening, begin_after=setting.begin_after)
    context.close_reply(sent)
    cache = caching.control(older)
    return Request(setting.model, SUMMARY_TOKENS, setting.system, sent, list(setting.tools), cache=cache, compacts=True)


def summary_request(setting: Setting, older: Sequence[Entry], wanted: str, model: str, max_tokens: int) -> Request:
    """To be answered in words. Another model than the session's reads neither its thinking nor Claude's summaries."""
    is_own = model == setting.model
    cut = setting.cut if is_own else older[-1].seq
    prompt = [{"type": "text", "text": wanted}]
    shown = older if is_own else context.readable(older)
    sent = context.messages(shown, prompt, cut, begin_after=setting.begin_after)
    choice = {"type": "none"} if setting.tools else None
    return Request(model, max_tokens, setting.system, sent, list(setting.tools), choice)
