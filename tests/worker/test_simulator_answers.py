"""What the simulator answers, heard by the real SDK."""

import json
import time
from typing import Any

import anthropic
import pytest

from tests.worker.talk import ask, text_of, tool, user

MODEL = "claude-opus-5-5"
README_PROMPT = "Plan a three-day migration of a Python 2 codebase; start with day one."

pytestmark = pytest.mark.anyio


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
    said = [user("a" * 4_400 + str(time.time_ns()))]
    first = (await ask(client, said, cache_control={"type": "ephemeral"})).usage
    assert (first.input_tokens, first.cache_read_input_tokens) == (0, 0)
    assert first.cache_creation_input_tokens == first.cache_creation.ephemeral_5m_input_tokens > 1_100
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
    tools = [tool("get_weather", city={"type": "string"})]
    message = await ask(client, conversation, tools=tools)
    assert message.stop_reason == "tool_use"
    (call,) = message.content
    assert (call.name, call.input) == ("get_weather", {"city": "Paris"})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny, 21 degrees"}
    conversation += [{"role": "assistant", "content": message.to_dict(mode="json")["content"]}, user([result])]
    final = await ask(client, conversation, tools=tools)
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
    tools = [tool("read"), tool("write")]
    while (message := await ask(client, conversation, tools=tools)).stop_reason == "tool_use":
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
    final = await ask(client, conversation)
    assert final.stop_reason == "end_turn"
    assert (final.content[0].type, final.content[0].tool_use_id) == ("web_search_tool_result", paused.content[-1].id)
    assert text_of(final) == "part"
