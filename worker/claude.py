"""The one place that talks to Claude: always streamed, never retried here, heard event by event."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx2
from anthropic import AsyncAnthropic, AsyncStream, DefaultAioHttpClient

from overnight.history.request import Request
from overnight.settings import ANTHROPIC_URL, Settings
from worker.accumulate import Accumulator
from worker.failures import TruncatedStreamError

CONNECT_TIMEOUT = 5.0
COUNT_TIMEOUT = 20.0
SIMULATOR_KEY = "simulator"


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


async def _events(stream: AsyncStream[Any]) -> AsyncIterator[dict[str, Any]]:
    # The raw events: building the SDK's classes for each delta costs more than all the rest of a turn.
    async for record in AsyncStream.raw_events(stream.response):
        if record.data and record.event != "ping":
            yield record.json()
