"""The simulator enforces limits as Claude does: buckets, headers, and a 429 that says when."""

import asyncio
import time
from collections.abc import Iterator

import anthropic
import httpx2
import pytest

from ops.simulator.running import RunningSimulator
from tests.worker.talk import ask

pytestmark = pytest.mark.anyio


@pytest.fixture
def limited(simulator: RunningSimulator) -> Iterator[RunningSimulator]:
    yield simulator
    simulator.limit(rpm=None, itpm=None, otpm=None)


async def refused(client: anthropic.AsyncAnthropic) -> anthropic.RateLimitError:
    with pytest.raises(anthropic.RateLimitError) as caught:
        await ask(client, "one more")
    return caught.value


async def test_requests_a_minute(client: anthropic.AsyncAnthropic, limited: RunningSimulator) -> None:
    limited.limit(rpm=6)
    for number in range(6):
        await ask(client, f"number {number}")
    refusal = await refused(client)
    headers = refusal.response.headers
    assert "of 6 requests per minute" in str(refusal)
    assert 9 <= int(headers["retry-after"]) <= 10
    assert headers["anthropic-ratelimit-requests-limit"] == "6"
    assert headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert headers["anthropic-ratelimit-requests-reset"].endswith("Z")
    assert limited.stats()["outcomes"] == {"ok": 6, "http_429": 1}


async def test_input_tokens_that_the_cache_does_not_give(
    client: anthropic.AsyncAnthropic, limited: RunningSimulator
) -> None:
    limited.limit(itpm=1_000)
    await ask(client, "x" * 4_000)
    assert "of 1,000 input tokens per minute" in str(await refused(client))


async def test_output_tokens_are_counted_when_they_have_come(
    client: anthropic.AsyncAnthropic, limited: RunningSimulator
) -> None:
    limited.limit(otpm=10)
    before = limited.stats()["counted"]
    assert (await ask(client, f'[[sim reply="{"word " * 40}"]]')).usage.output_tokens > 10
    assert limited.stats()["counted"]["otpm"] - before.get("otpm", 0) > 10
    assert "of 10 output tokens per minute" in str(await refused(client))


async def test_limits_change_in_between(client: anthropic.AsyncAnthropic, limited: RunningSimulator) -> None:
    limited.limit(rpm=1)
    await ask(client, "the only one")
    await refused(client)
    limited.limit(rpm=60_000)
    await asyncio.sleep(0.01)  # in which ten come back
    await ask(client, "another")
    limited.limit(rpm=None)
    await ask(client, "and another")


async def test_a_limit_that_is_none_is_named(limited: RunningSimulator) -> None:
    answer = limited.http.post("/sim/limits", json={"rpm": 0})
    assert (answer.status_code, "rpm: give a whole number" in answer.text) == (400, True)
    assert "tpm: unknown limit" in limited.http.post("/sim/limits", json={"tpm": 5}).text


async def test_a_storm_is_over_after_its_time(client: anthropic.AsyncAnthropic, simulator: RunningSimulator) -> None:
    simulator.fault(status=529, seconds=0.3)
    with pytest.raises(anthropic.OverloadedError):
        await ask(client, "in the storm")
    ends = time.monotonic() + 5
    while time.monotonic() < ends:
        try:
            return await ask(client, "after it")  # type: ignore[return-value]
        except anthropic.OverloadedError:
            await asyncio.sleep(0.05)
    raise AssertionError("the storm lasts")


async def test_without_limits_the_headers_are_those_of_a_generous_tier(simulator: RunningSimulator) -> None:
    body = {"model": "claude-opus-5-5", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    answer = httpx2.post(f"{simulator.url}/v1/messages", json=body, headers={"x-api-key": "k"}, trust_env=False)
    assert answer.headers["anthropic-ratelimit-requests-limit"] == "20000"
