"""The simulator's faults, and what the real SDK makes of each."""

import asyncio
import time

import anthropic
import httpx2
import pytest

from ops.simulator.running import RunningSimulator
from tests.worker.talk import ask, text_of, until, user

MODEL = "claude-opus-5-5"

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (402, anthropic.PaymentRequiredError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (408, anthropic.RequestTimeoutError),
        (409, anthropic.ConflictError),
        (413, anthropic.ContentTooLargeError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (503, anthropic.ServiceUnavailableError),
        (504, anthropic.GatewayTimeoutError),
        (529, anthropic.OverloadedError),
    ],
)
async def test_an_error_status_comes_as_often_as_asked(
    client: anthropic.AsyncAnthropic, simulator: RunningSimulator, status: int, raised: type[anthropic.APIStatusError]
) -> None:
    prompt = f"{time.time_ns()} [[sim status={status} times=2]]"
    for _ in range(2):
        with pytest.raises(raised) as caught:
            await ask(client, prompt)
        assert type(caught.value) is raised
        assert caught.value.request_id
    assert (await ask(client, prompt)).stop_reason == "end_turn"
    assert [entry["outcome"] for entry in simulator.requests()] == [f"http_{status}"] * 2 + ["ok"]


async def test_a_429_says_when_and_why(client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.RateLimitError) as caught:
        await ask(client, "[[sim status=429 retry_after=3600]]")
    assert caught.value.response.headers["retry-after"] == "3600"
    assert caught.value.response.headers["anthropic-ratelimit-requests-remaining"] == "0"
    with pytest.raises(anthropic.RateLimitError) as caught:
        await ask(client, '[[sim status=429 error_code=enforced_spend_limit_reached message="Limit reached."]]')
    assert caught.value.error_code == "enforced_spend_limit_reached"


async def test_the_sdk_itself_gets_over_a_529(client: anthropic.AsyncAnthropic) -> None:
    prompt = f"{time.time_ns()} [[sim status=529 times=1]]"
    assert (await ask(client.with_options(max_retries=1), prompt)).stop_reason == "end_turn"


async def test_a_cut_stream_ends_without_a_stop_reason(client: anthropic.AsyncAnthropic) -> None:
    prompt = f'{time.time_ns()} [[sim cut=3 times=1 deltas=6 reply="abcdef"]] [[sim reply="whole"]]'
    message = await ask(client, prompt)
    assert (text_of(message), message.stop_reason) == ("abc", None)
    assert text_of(await ask(client, prompt)) == "whole"


async def test_a_reset_in_mid_stream_is_a_transport_error(
    client: anthropic.AsyncAnthropic, simulator: RunningSimulator
) -> None:
    prompt = f'{time.time_ns()} [[sim reset=3 times=1]] [[sim deltas=6 reply="abcdef"]]'
    with pytest.raises(httpx2.HTTPError) as caught:
        await ask(client, prompt)
    assert not isinstance(caught.value, httpx2.TimeoutException)
    assert text_of(await ask(client, prompt)) == "abcdef"
    assert [entry["outcome"] for entry in simulator.requests()] == ["reset", "ok"]


@pytest.mark.parametrize(("after", "seen"), [(0, []), (2, ["message_start", "a", "b"])])
async def test_an_error_event_inside_a_200_stream(
    client: anthropic.AsyncAnthropic, after: int, seen: list[str]
) -> None:
    prompt = user(f'[[sim error_in_stream=overloaded_error after={after} deltas=6 reply="abcdef"]]')
    got = []
    with pytest.raises(anthropic.APIStatusError) as caught:  # noqa: PT012
        async with client.messages.stream(model=MODEL, max_tokens=100, messages=[prompt]) as stream:
            async for event in stream:
                if event.type in ("message_start", "text"):
                    got.append(getattr(event, "text", event.type))
    assert got == seen
    assert (caught.value.status_code, caught.value.type) == (200, "overloaded_error")


async def test_a_refusal_has_no_content(client: anthropic.AsyncAnthropic) -> None:
    message = await ask(client, "[[sim refusal]]")
    assert (message.content, message.stop_reason) == ([], "refusal")
    assert message.stop_details.type == "refusal"


async def test_a_stop_reason_may_be_chosen(client: anthropic.AsyncAnthropic) -> None:
    assert (await ask(client, "[[sim stop_reason=max_tokens]]")).stop_reason == "max_tokens"
    full = f"{time.time_ns()} [[sim window_exceeded times=1]]"
    assert (await ask(client, full)).stop_reason == "model_context_window_exceeded"
    assert (await ask(client, full)).stop_reason == "end_turn"


async def test_a_long_conversation_is_too_long_until_it_is_shortened(client: anthropic.AsyncAnthropic) -> None:
    prompt = user("[[sim too_long=2]]")
    with pytest.raises(anthropic.BadRequestError, match="prompt is too long: 200251 tokens > 200000 maximum"):
        await ask(client, [user("first"), {"role": "assistant", "content": "answer"}, prompt])
    assert (await ask(client, [prompt])).stop_reason == "end_turn"


async def test_a_prompt_beyond_the_window_is_too_long_by_itself(client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="prompt is too long: 200001 tokens > 200000 maximum"):
        await client.messages.create(model="claude-haiku-4-5", max_tokens=10, messages=[user("x" * 800_001)])  # type: ignore[list-item]


async def test_a_hanging_stream_begins_and_is_noticed_when_left(
    client: anthropic.AsyncAnthropic, simulator: RunningSimulator
) -> None:
    prompt = user("[[sim hang]]")
    async with client.messages.stream(model=MODEL, max_tokens=100, messages=[prompt]) as stream:
        assert (await anext(stream)).type == "message_start"
        assert simulator.stats()["in_flight"] == 1
    await until(lambda: simulator.stats()["in_flight"] == 0)
    assert simulator.requests()[0]["outcome"] == "client_gone"


async def test_a_silent_server_runs_into_the_timeout(
    client: anthropic.AsyncAnthropic, simulator: RunningSimulator
) -> None:
    with pytest.raises(anthropic.APITimeoutError):
        await ask(client.with_options(timeout=0.3), "[[sim silent]]")
    await until(lambda: simulator.stats()["in_flight"] == 0)


async def test_a_slow_reply_is_dropped_as_soon_as_the_client_leaves(
    client: anthropic.AsyncAnthropic, simulator: RunningSimulator
) -> None:
    asking = asyncio.create_task(ask(client, "[[sim latency=60]]"))
    await until(lambda: simulator.stats()["in_flight"] == 1)
    asking.cancel()
    await until(lambda: simulator.stats()["outcomes"] == {"client_gone": 1})
