"""Every recorded stream, and how to read one as our client and as the SDK does."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import anthropic
import httpx2
from anthropic._streaming import SSEDecoder

from worker.accumulate import Accumulator

DATA = Path(__file__).parents[1] / "recordings"


@cache
def streams() -> dict[str, str]:
    """Name → the body of a streamed response."""
    paths = [path for path in DATA.rglob("*") if path.suffix in {".txt", ".sse"}]
    return {str(path.relative_to(DATA)): path.read_text(encoding="utf-8") for path in paths}


def names() -> list[str]:
    return sorted(streams())


def events(stream: str) -> Iterator[dict[str, Any]]:
    """The events that our client takes: all but pings, as `worker.claude` reads them."""
    for record in SSEDecoder().iter_bytes(iter([stream.encode()])):
        if record.data and record.event != "ping":
            yield record.json()


def ours(stream: str) -> dict[str, Any]:
    heard = Accumulator()
    for event in events(stream):
        heard.feed(event)
    assert heard.message is not None
    return heard.message


def theirs(stream: str) -> dict[str, Any]:
    """What the SDK's own `messages.stream` makes of it."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream.encode())

    transport = httpx2.Client(transport=httpx2.MockTransport(answer))
    client = anthropic.Anthropic(api_key="none", max_retries=0, http_client=transport)
    asked = {"model": "claude-opus-5-5", "max_tokens": 1, "messages": [{"role": "user", "content": "?"}]}
    with client.beta.messages.stream(**asked) as under_way:  # type: ignore[arg-type]
        return under_way.get_final_message().to_dict(mode="json")
