"""The one place that talks to Claude: always streamed, never retried here, heard event by event."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
from anthropic import AsyncAnthropic, AsyncStream, DefaultAioHttpClient

from overnight.history.caching import Place, marked
from overnight.settings import ANTHROPIC_URL, Settings
from worker.accumulate import Accumulator
from worker.failures import TruncatedStreamError

CONNECT_TIMEOUT = 5.0
COUNT_TIMEOUT = 20.0
#: Named with every request that asks for a compaction, or sends what came of one.
COMPACTION = "compact-2026-09-04"
#: Characters of system prompt and tools below which no model caches them alone.
LEAST_CACHED = 1_500

Definition = dict[str, Any]
SIMULATOR_KEY = "simulator"


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


def client(settings: Settings) -> AsyncAnthropic:
    """One a process, on its loop. Waiting and retrying are SQL's, so the SDK must not."""
    key = settings.anthropic_api_key.get_secret_value() if settings.anthropic_api_key else SIMULATOR_KEY
    timeout = httpx2.Timeout(settings.read_timeout, connect=CONNECT_TIMEOUT)
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=settings.concurrency)
    return AsyncAnthropic(
        api_key=key,
        base_url=settings.anthropic_base_url or ANTHROPIC_URL,
        max_retries=0,
        timeout=timeout,
        http_client=DefaultAioHttpClient(timeout=timeout, limits=limits),
    )


async def ask(
    anthropic: AsyncAnthropic,
    request: Request,
    heard: Accumulator,
    on_text: Callable[[str], object] = len,
    on_headers: Callable[[Mapping[str, str]], object] = len,
) -> dict[str, Any]:
    """Claude's whole message, as it was sent. `on_headers` hears that it has begun.

    `heard` holds what has come so far, also after an error. Raises what `worker.failures.classify` knows.
    """
    stream: AsyncStream[Any] = await anthropic.messages.create(stream=True, **request.parameters())
    on_headers(stream.response.headers)
    try:
        async for event in _events(stream):
            text = heard.feed(event)
            if text:
                on_text(text)
    finally:
        await stream.close()
    if not heard.done or heard.message is None:
        raise TruncatedStreamError
    return heard.message


async def count(anthropic: AsyncAnthropic, request: Request) -> int:
    """How many tokens it would send."""
    counted = await anthropic.messages.count_tokens(**request.prompt(), timeout=COUNT_TIMEOUT)
    return counted.input_tokens


def billed(usage: dict[str, Any]) -> dict[str, Any]:
    """What of a message's usage was used in all: that of a compaction is told in its iterations alone."""
    for told in usage.get("iterations") or []:
        if told.get("type") == "compaction" and not usage.get("output_tokens"):
            return dict(told)
    return usage


async def _events(stream: AsyncStream[Any]) -> AsyncIterator[dict[str, Any]]:
    # The raw events: building the SDK's classes for each delta costs more than all the rest of a turn.
    async for record in AsyncStream.raw_events(stream.response):
        if record.data and record.event != "ping":
            yield record.json()
