"""The simulator as a real process, driven by the real anthropic SDK on its aiohttp transport."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest

from ops.simulator.running import RunningSimulator, running_simulator

MODEL = "claude-opus-5-5"
README_PROMPT = "Plan a three-day migration of a Python 2 codebase; start with day one."
GONE_SECONDS = 10.0

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSimulator]:
    with running_simulator("--latency", "0") as simulator:
        yield simulator


@pytest.fixture
def simulator(running: RunningSimulator) -> RunningSimulator:
    running.clear()
    running.settle(latency=0, deltas=None)
    return running


@pytest.fixture
async def client(simulator: RunningSimulator) -> AsyncIterator[anthropic.AsyncAnthropic]:
    http = anthropic.DefaultAioHttpClient(trust_env=False)
    async with anthropic.AsyncAnthropic(
        api_key="test-key", base_url=simulator.url, max_retries=0, timeout=20, http_client=http
    ) as made:
        yield made


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


async def ask(client: anthropic.AsyncAnthropic, prompt: Any, **more: Any) -> Any:
    """One streamed answer to a prompt, or to a whole conversation."""
    messages = prompt if isinstance(prompt, list) else [user(prompt)]
    async with client.messages.stream(model=MODEL, max_tokens=2000, messages=messages, **more) as stream:
        return await stream.get_final_message()


def text_of(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


async def until(seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + GONE_SECONDS
    while not seen():
        assert time.monotonic() < deadline, "the simulator never saw it"
        await asyncio.sleep(0.02)


# --- what it answers ---


async def test_a_prompt_is_answered_in_a_stream(client: anthropic.AsyncAnthropic) -> None:
    async with client.messages.stream(model=MODEL, max_tokens=2000, messages=[user("Hello, who is there?")]) as stream:
        pieces = [piece async for piece in stream.text_stream]
        message = await stream.get_final_message()
        assert stream.response.headers["anthropic-ratelimit-requests-limit"].isdigit()
        assert stream.request_id
    assert len(pieces) > 5
    assert text_of(message) == "".join(pieces)
    assert '"Hello, who is there?"' in text_of(message)
    assert "no model was called" in text_of(message)
    assert "1 message." in text_of(message)
    assert (message.model, message.stop_reason) == (MODEL, "end_turn")
    assert message.usage.output_tokens > 10
    assert message.usage.input_tokens == 5


async def test_the_readme_prompt_gets_a_plan_and_then_its_next_day(client: anthropic.AsyncAnthropic) -> None:
    first = text_of(await ask(client, README_PROMPT))
    assert first.splitlines()[0] == "*This is a simulated answer: no model was called.*"
    assert "Day one" in first
    assert 12 <= len([line for line in first.splitlines() if line]) <= 20
    conversation = [user(README_PROMPT), {"role": "assistant", "content": first}, user("go on")]
    assert "Day two" in text_of(await ask(client, conversation))


async def test_any_character_survives_the_way(client: anthropic.AsyncAnthropic) -> None:
    text = 'ä 🌙 \u2028 \x85 \r\n "quoted" \\ [[not a directive]]'
    assert text_of(await ask(client, f"[[sim reply={json.dumps(text)} deltas=7]]")) == text


async def test_an_answer_may_come_whole(client: anthropic.AsyncAnthropic) -> None:
    message = await client.messages.create(model=MODEL, max_tokens=100, messages=[user("[[sim reply=pong]]")])  # type: ignore[list-item]
    assert (text_of(message), message.stop_reason, message.usage.output_tokens) == ("pong", "end_turn", 2)


async def test_tokens_are_counted_and_models_listed(client: anthropic.AsyncAnthropic) -> None:
    counted = await client.messages.count_tokens(model=MODEL, system="abcd", messages=[user("x" * 400)])  # type: ignore[list-item]
    assert counted.input_tokens == 101
    listed = [model async for model in client.models.list()]
    assert MODEL in {model.id for model in listed}
    found = await client.models.retrieve(MODEL)
    assert found.max_input_tokens == 1_000_000
    assert found.capabilities
    assert found.capabilities.thinking.types.adaptive.supported
    with pytest.raises(anthropic.NotFoundError, match="model: claude-does-not-exist"):
        await client.models.retrieve("claude-does-not-exist")


async def test_the_prompt_cache_holds_what_was_sent_before(client: anthropic.AsyncAnthropic) -> None:
    said = [user("a" * 400 + str(time.time_ns()))]
    first = (await ask(client, said, cache_control={"type": "ephemeral"})).usage
    assert (first.input_tokens, first.cache_read_input_tokens) == (0, 0)
    assert first.cache_creation_input_tokens == first.cache_creation.ephemeral_5m_input_tokens > 100
    said += [{"role": "assistant", "content": "b" * 40}, user("c" * 40)]
    second = (await ask(client, said, cache_control={"type": "ephemeral", "ttl": "1h"})).usage
    assert second.cache_read_input_tokens == first.cache_creation_input_tokens
    assert second.cache_creation_input_tokens == second.cache_creation.ephemeral_1h_input_tokens == 20
    unmarked = (await ask(client, said)).usage
    assert (unmarked.cache_read_input_tokens, unmarked.cache_creation_input_tokens) == (0, 0)


async def test_the_pace_is_what_was_asked_for(client: anthropic.AsyncAnthropic) -> None:
    began = time.monotonic()
    arrivals = []
    prompt = user('[[sim latency=0.4 deltas=4 reply="one two three four"]]')
    async with client.messages.stream(model=MODEL, max_tokens=100, messages=[prompt]) as stream:
        async for event in stream:
            if event.type in ("message_start", "content_block_delta"):
                arrivals.append(time.monotonic() - began)
        assert len(arrivals) == 5
    assert arrivals[3] >= 0.3
    assert arrivals[4] >= 0.4
    assert arrivals[0] < arrivals[4] - 0.2, "the first event does not wait for the others"


async def test_max_tokens_cuts_the_answer_short(client: anthropic.AsyncAnthropic) -> None:
    prompt = user('[[sim reply="12345678901234567890"]]')
    async with client.messages.stream(model=MODEL, max_tokens=3, messages=[prompt]) as stream:
        message = await stream.get_final_message()
    assert (text_of(message), message.stop_reason) == ("123456789012", "max_tokens")


# --- thinking and tools ---


async def test_thinking_may_be_sent_back_but_not_altered(client: anthropic.AsyncAnthropic) -> None:
    message = await ask(client, "[[sim thinking reply=done]]")
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.usage.output_tokens_details.thinking_tokens > 0
    content = message.to_dict(mode="json")["content"]
    conversation = [user("think"), {"role": "assistant", "content": content}, user("and now?")]
    assert (await ask(client, conversation)).stop_reason == "end_turn"
    content[0]["thinking"] += " or not"
    with pytest.raises(anthropic.BadRequestError, match=r"messages\.1\.content\.0: `thinking`.* cannot be modified"):
        await ask(client, conversation)


async def test_a_tool_is_called_and_its_result_taken(client: anthropic.AsyncAnthropic) -> None:
    conversation: list[Any] = [user(r'Weather? [[sim tool=get_weather input="{\"city\": \"Paris\"}"]]')]
    message = await ask(client, conversation)
    assert message.stop_reason == "tool_use"
    (call,) = message.content
    assert (call.name, call.input) == ("get_weather", {"city": "Paris"})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny, 21 degrees"}
    conversation += [{"role": "assistant", "content": message.to_dict(mode="json")["content"]}, user([result])]
    final = await ask(client, conversation)
    assert "sunny, 21 degrees" in text_of(final)
    assert final.stop_reason == "end_turn"


async def test_a_script_has_as_many_steps_as_it_says(client: anthropic.AsyncAnthropic) -> None:
    script = [
        [
            {"type": "thinking", "thinking": "Two at once."},
            {"type": "tool_use", "name": "read", "input": {"path": "a"}},
            {"type": "tool_use", "name": "read", "input": {"path": "b"}},
        ],
        [{"type": "text", "text": "One more."}, {"type": "tool_use", "name": "write"}],
    ]
    conversation: list[Any] = [user(f"[[sim script={json.dumps(json.dumps(script))} reply=finished]]")]
    called = []
    while (message := await ask(client, conversation)).stop_reason == "tool_use":
        calls = [block for block in message.content if block.type == "tool_use"]
        called.append([(call.name, call.input) for call in calls])
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": "ok"} for call in calls]
        conversation += [{"role": "assistant", "content": message.to_dict(mode="json")["content"]}, user(results)]
    assert called == [[("read", {"path": "a"}), ("read", {"path": "b"})], [("write", {})]]
    assert text_of(message) == "finished"


async def test_a_paused_turn_goes_on_when_it_is_sent_back(client: anthropic.AsyncAnthropic) -> None:
    conversation: list[Any] = [user("[[sim stop_reason=pause_turn reply=part]]")]
    paused = await ask(client, conversation)
    assert (paused.stop_reason, paused.content[-1].type) == ("pause_turn", "server_tool_use")
    conversation.append({"role": "assistant", "content": paused.to_dict(mode="json")["content"]})
    assert (await ask(client, conversation)).stop_reason == "end_turn"


# --- faults: what the SDK makes of each ---


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


# --- the control plane ---


async def test_faults_from_outside_hit_any_request_until_used_up(
    client: anthropic.AsyncAnthropic, simulator: RunningSimulator
) -> None:
    simulator.fault(status=529, retry_after=None, rate=1, count=2)
    for _ in range(2):
        with pytest.raises(anthropic.OverloadedError):
            await ask(client, "hello")
    assert (await ask(client, "hello")).stop_reason == "end_turn"
    simulator.fault(cut=1, rate=0.5)
    outcomes = {(await ask(client, "hello")).stop_reason for _ in range(40)}
    assert outcomes == {None, "end_turn"}


async def test_the_record_is_verbatim(client: anthropic.AsyncAnthropic, simulator: RunningSimulator) -> None:
    messages = [user([{"type": "text", "text": "one"}, {"type": "text", "text": "two"}])]
    await ask(client, messages, system="Be brief.")
    (entry,) = simulator.requests()
    assert entry["messages"] == messages
    assert (entry["system"], entry["model"], entry["stream"], entry["max_tokens"]) == ("Be brief.", MODEL, True, 2000)
    assert entry["outcome"] == "ok"
    assert entry["received_at"] <= entry["answered_at"] <= time.time()
    assert "test-key" not in json.dumps(entry)
    assert simulator.requests(after=entry["n"]) == []


async def test_requests_in_flight_are_counted(client: anthropic.AsyncAnthropic, simulator: RunningSimulator) -> None:
    simulator.settle(latency=1, deltas=3)
    await asyncio.gather(*(ask(client, f"number {n}") for n in range(5)))
    stats = simulator.stats()
    assert (stats["in_flight"], stats["max_in_flight"], stats["outcomes"]) == (0, 5, {"ok": 5})


async def test_a_journal_instead_of_a_record(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    with running_simulator("--no-record", "--journal", str(journal), "--latency", "0") as simulator:
        body = {"model": MODEL, "max_tokens": 9, "messages": [user("hello")]}
        async with httpx2.AsyncClient(base_url=simulator.url, headers={"x-api-key": "k"}, trust_env=False) as http:
            assert (await http.post("/v1/messages", json=body)).status_code == 200
        assert simulator.requests() == []
        assert simulator.stats()["received"] == 1
        lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [(line["n"], line["event"]) for line in lines] == [(1, "received"), (1, "answered")]
    assert (lines[0]["prompt"], lines[1]["outcome"]) == ("hello", "ok")


@pytest.mark.parametrize(
    ("directive", "named"),
    [
        ("[[sim latecy=2]]", "unknown field 'latecy'"),
        ("[[sim latency=soon]]", "bad value for 'latency'"),
        ("[[sim status=418]]", "bad value for 'status'"),
        ("[[sim reply=", "never closed"),
    ],
)
async def test_a_mistyped_directive_is_refused_by_name(
    client: anthropic.AsyncAnthropic, directive: str, named: str
) -> None:
    with pytest.raises(anthropic.BadRequestError, match=named):
        await ask(client, f"hello {directive}")


# --- what it refuses, as Claude would ---

CALL = {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "x"}


def assistant(*content: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(content)}


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "messages: at least one message is required"),
        ([assistant({"type": "text", "text": "hi"}), user("x")], 'messages: first message must use the "user" role'),
        ([{"role": "tool", "content": "x"}], "messages.0.role: Input should be"),
        ([user("")], "messages.0: all messages must have non-empty content"),
        ([user("x"), assistant(), user("y")], "messages.1: all messages must have non-empty content"),
        ([user([{"type": "text", "text": ""}])], "messages: text content blocks must be non-empty"),
        ([user(" \n")], "messages: text content blocks must contain non-whitespace text"),
        ([user([{"type": "telepathy"}])], "messages.0.content.0: Input tag 'telepathy' found"),
        ([user([{"type": "text", "text": "x", "parsed": 1}])], "messages.0.content.0.text.parsed: Extra inputs"),
        ([user([{"type": "text"}])], "messages.0.content.0.text.text: Field required"),
        ([{**user("x"), "name": "me"}], "messages.0.name: Extra inputs are not permitted"),
        ([user("x"), assistant({"type": "text", "text": "y"})], "does not support assistant message prefill"),
        ([user("x"), assistant(CALL)], "messages.1: `tool_use` ids were found without `tool_result` blocks"),
        ([user("x"), assistant(CALL), user("y")], "messages.1: `tool_use` ids were found without"),
        ([user([RESULT])], "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1"),
        ([user("x"), assistant(CALL), user([RESULT, RESULT])], "each tool_use must have a single result"),
        ([user("x"), assistant(CALL, CALL), user([RESULT])], "`tool_use` ids must be unique"),
        ([user("x"), {"role": "system", "content": "s"}, user("y")], "role 'system' must precede an 'assistant'"),
    ],
)
async def test_an_invalid_conversation_is_refused_in_claudes_words(
    client: anthropic.AsyncAnthropic, simulator: RunningSimulator, messages: list[Any], said: str
) -> None:
    with pytest.raises(anthropic.BadRequestError) as caught:
        await ask(client, messages)
    assert said in caught.value.message
    (entry,) = simulator.requests()
    assert entry["outcome"] == "invalid"
    assert said in entry["error"]


async def test_a_whole_tool_loop_with_a_system_message_is_valid(client: anthropic.AsyncAnthropic) -> None:
    messages = [user("x"), assistant(CALL), user([RESULT]), {"role": "system", "content": "Be brief."}]
    assert (await ask(client, messages)).stop_reason == "end_turn"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"model": MODEL, "messages": [user("x")]}, 400, "max_tokens: Field required"),
        ({"max_tokens": 9, "messages": [user("x")]}, 400, "model: Field required"),
        ({"model": MODEL, "max_tokens": 9}, 400, "messages: Field required"),
        ({"model": MODEL, "max_tokens": "9", "messages": [user("x")]}, 400, "max_tokens: Input should be a valid int"),
        ({"model": MODEL, "max_tokens": 9, "messages": [user("x")], "top": 1}, 400, "top: Extra inputs"),
        ({"model": "gpt-4", "max_tokens": 9, "messages": [user("x")]}, 404, "model: gpt-4"),
        ([], 400, "Input should be an object"),
    ],
)
async def test_an_invalid_request_is_refused(simulator: RunningSimulator, body: Any, status: int, said: str) -> None:
    answer = simulator.http.post("/v1/messages", json=body, headers={"authorization": "Bearer k"})
    assert (answer.status_code, answer.json()["type"]) == (status, "error")
    assert said in answer.json()["error"]["message"]
    assert answer.headers["request-id"] == answer.json()["request_id"]


async def test_a_key_is_needed(simulator: RunningSimulator, client: anthropic.AsyncAnthropic) -> None:
    body = {"model": MODEL, "max_tokens": 9, "messages": [user("x")]}
    answer = simulator.http.post("/v1/messages", json=body)
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "authentication_error")
    with pytest.raises(anthropic.AuthenticationError):
        await ask(client.with_options(api_key="invalid"), "hello")
    assert simulator.requests() == []
