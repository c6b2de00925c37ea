"""Loops of tools, scripted by the prompt alone and heard by the real SDK."""

import json
from itertools import pairwise
from typing import Any

import anthropic
import httpx2
import pytest

from ops.simulator.running import RunningSimulator
from tests.worker.talk import ask, reply_of, results_of, text_of, tool, user

MODEL = "claude-opus-5-5"
TOOLS = [tool("read", path={"type": "string"}), tool("write")]
STEP = json.dumps('{"path": "{step}-{call}.txt"}')

pytestmark = pytest.mark.anyio


async def run(
    client: anthropic.AsyncAnthropic, prompt: str, tools: list[Any] | None = None, *, most: int = 30, join: bool = True
) -> list[Any]:
    """All replies of a turn. `join` makes one message of the replies of a paused one, as our worker does."""
    conversation = [user(prompt)]
    replies: list[Any] = []
    while len(replies) < most:
        replies.append(await ask(client, conversation, tools=tools or TOOLS))
        if conversation[-1]["role"] == "assistant" and join:
            conversation[-1] = {
                "role": "assistant",
                "content": conversation[-1]["content"] + reply_of(replies[-1])["content"],
            }
        else:
            conversation.append(reply_of(replies[-1]))
        if replies[-1].stop_reason in ("tool_use", "max_tokens") and replies[-1].content[-1].type == "tool_use":
            conversation.append(results_of(replies[-1], f"result {len(replies)}"))
        elif replies[-1].stop_reason != "pause_turn":
            break
    return replies


def calls(message: Any) -> list[tuple[str, Any]]:
    return [(block.name, block.input) for block in message.content if block.type == "tool_use"]


def ids(message: Any) -> list[str]:
    return [block.id for block in message.content if block.type == "tool_use"]


def kinds(message: Any) -> list[str]:
    return [block.type for block in message.content]


async def test_a_loop_of_ten_steps_ends_with_the_last_result(
    client: anthropic.AsyncAnthropic, simulator: RunningSimulator
) -> None:
    *steps, final = await run(client, f"[[sim tool=read input={STEP} loop=10]]")
    assert [calls(step) for step in steps] == [[("read", {"path": f"{n}-1.txt"})] for n in range(1, 11)]
    assert {step.stop_reason for step in steps} == {"tool_use"}
    assert final.stop_reason == "end_turn"
    assert "result 10 1" in text_of(final)
    called = [call for step in steps for call in ids(step)]
    assert len(set(called)) == 10
    requests = simulator.requests()
    assert [entry["called"] for entry in requests] == [*([call] for call in called), []]
    assert [entry["answered"] for entry in requests] == [called[:n] for n in range(11)]
    assert [len(entry["messages"]) for entry in requests] == list(range(1, 22, 2))


async def test_several_calls_of_several_tools_in_one_step(client: anthropic.AsyncAnthropic) -> None:
    step, final = await run(client, f'[[sim tool=read,write calls=2 input={STEP} reply="They said: {{results}}"]]')
    expected = [(name, {"path": f"1-{n}.txt"}) for n, name in enumerate(["read", "write"] * 2, 1)]
    assert calls(step) == expected
    assert text_of(final) == "They said: result 1 1 | result 1 2 | result 1 3 | result 1 4"


async def test_a_request_that_is_sent_again_gets_the_same_reply_with_fresh_ids(
    client: anthropic.AsyncAnthropic,
) -> None:
    conversation = [user(f"[[sim tool=read,write input={STEP} loop=3]]")]
    step = await ask(client, conversation, tools=TOOLS)
    conversation += [reply_of(step), results_of(step)]
    first, again = [await ask(client, conversation, tools=TOOLS) for _ in range(2)]
    assert calls(first) == calls(again) == [("read", {"path": "2-1.txt"}), ("write", {"path": "2-2.txt"})]
    assert set(ids(first)).isdisjoint(ids(again))


async def test_a_runaway_never_ends_by_itself(client: anthropic.AsyncAnthropic) -> None:
    replies = await run(client, f"[[sim tool=read input={STEP} runaway]]", most=15)
    assert [reply.stop_reason for reply in replies] == ["tool_use"] * 15
    assert calls(replies[-1]) == [("read", {"path": "15-1.txt"})]


async def test_a_tool_that_is_not_offered_is_refused_or_hallucinated(client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match=r"'gone' is not among the request's tools.*hallucinate"):
        await run(client, "[[sim tool=gone]]")
    step, final = await run(client, "[[sim tool=gone hallucinate]]")
    assert calls(step) == [("gone", {})]
    assert "result 1 1" in text_of(final)


async def test_max_tokens_within_a_call_leaves_half_an_input(client: anthropic.AsyncAnthropic) -> None:
    first, second, third, final = await run(client, f"[[sim tool=read input={STEP} loop=3 at=2 cut_call]]")
    assert (first.stop_reason, third.stop_reason, final.stop_reason) == ("tool_use", "tool_use", "end_turn")
    assert second.stop_reason == "max_tokens"
    assert calls(second) != [("read", {"path": "2-1.txt"})]
    async with client.messages.stream(
        model=MODEL, max_tokens=2, messages=[user(f"[[sim tool=read input={STEP}]]")], tools=TOOLS
    ) as stream:
        assert (await stream.get_final_message()).stop_reason == "max_tokens"


async def test_an_input_that_cannot_be_parsed_is_sent_as_often_as_asked(client: anthropic.AsyncAnthropic) -> None:
    prompt = f"{id(client)} [[sim broken_json times=1]] [[sim tool=read input={STEP}]]"
    with pytest.raises(ValueError, match="line 1"):
        await ask(client, prompt, tools=TOOLS)
    assert calls(await ask(client, prompt, tools=TOOLS)) == [("read", {"path": "1-1.txt"})]


async def test_a_fault_may_wait_for_its_step(client: anthropic.AsyncAnthropic, simulator: RunningSimulator) -> None:
    conversation = [user(f"{id(client)} [[sim tool=read loop=3]] [[sim status=529 step=2 times=1]]")]
    step = await ask(client, conversation, tools=TOOLS)
    conversation += [reply_of(step), results_of(step)]
    with pytest.raises(anthropic.OverloadedError):
        await ask(client, conversation, tools=TOOLS)
    assert (await ask(client, conversation, tools=TOOLS)).stop_reason == "tool_use"
    assert [entry["outcome"] for entry in simulator.requests()] == ["ok", "http_529", "ok"]
    with pytest.raises(httpx2.HTTPStatusError):
        simulator.fault(status=529, step=2)


# --- Claude's own tools ---


async def test_a_tool_of_claudes_own_is_answered_in_the_reply(client: anthropic.AsyncAnthropic) -> None:
    (reply,) = await run(client, "[[sim server_tool=web_search reply=found]]")
    assert kinds(reply) == ["server_tool_use", "web_search_tool_result", "text"]
    assert reply.content[1].tool_use_id == reply.content[0].id
    (reply,) = await run(client, "[[sim server_tool=code_execution reply=done]]")
    assert reply.content[1].content.error_code == "unavailable"


@pytest.mark.parametrize("join", [True, False])
async def test_a_turn_that_is_paused_twice_goes_on_where_it_was(client: anthropic.AsyncAnthropic, join: bool) -> None:
    replies = await run(client, f"[[sim pause=2 tool=read input={STEP} loop=2 reply=end]]", join=join)
    stops = ["pause_turn", "pause_turn", "tool_use", "tool_use", "end_turn"]
    assert [reply.stop_reason for reply in replies] == stops
    for paused, following in pairwise(replies[:3]):
        assert paused.content[-1].type == "server_tool_use"
        assert following.content[0].tool_use_id == paused.content[-1].id
    assert [calls(reply) for reply in replies[2:4]] == [[("read", {"path": f"{n}-1.txt"})] for n in (1, 2)]


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # the SDK knows MCP blocks only in its beta part
async def test_a_script_has_calls_of_all_kinds(client: anthropic.AsyncAnthropic) -> None:
    search = {"type": "server_tool_use", "name": "web_search", "input": {"query": "{step}"}}
    script = [
        [{"type": "mcp_tool_use", "name": "lookup"}, search, {"type": "stop", "stop_reason": "pause_turn"}],
        [search, {"type": "tool_use", "name": "write"}],
        [{"type": "text", "text": "All done."}],
    ]
    replies = await run(client, f"[[sim script={json.dumps(json.dumps(script))}]]")
    assert [reply.stop_reason for reply in replies] == ["pause_turn", "tool_use", "end_turn"]
    assert [kinds(reply) for reply in replies] == [
        ["mcp_tool_use", "mcp_tool_result", "server_tool_use"],
        ["web_search_tool_result", "server_tool_use", "tool_use"],
        ["web_search_tool_result", "text"],
    ]
    assert replies[1].content[1].input == {"query": "2"}


# --- without directives ---

BOOKING = tool(
    "book_table",
    restaurant={"type": "string"},
    guests={"type": "integer", "minimum": 2},
    room={"enum": ["inside", "outside"]},
    contact={"$ref": "#/$defs/contact"},
    notes={"type": "array", "items": {"anyOf": [{"type": "null"}, {"type": "string"}]}},
    by={"type": ["string", "null"], "default": None},
)
BOOKING["input_schema"]["$defs"] = {
    "contact": {"type": "object", "properties": {"email": {"type": "string"}, "vip": {"type": "boolean"}}}
}


async def test_tools_that_a_prompt_mentions_are_called_one_after_the_other(client: anthropic.AsyncAnthropic) -> None:
    prompt = 'Use book_table for 4 guests at "Chez Ada", then send mail to tell everybody.'
    tools = [tool("unrelated"), tool("send-mail", to={"type": "string"}), BOOKING]
    first, second, final = await run(client, prompt, tools)
    booked = {
        "restaurant": "Chez Ada",
        "guests": 4,
        "room": "inside",
        "contact": {"email": "ada@example.com", "vip": True},
        "notes": [prompt],
        "by": None,
    }
    assert calls(first) == [("book_table", booked)]
    assert kinds(first) == ["text", "tool_use"]
    assert calls(second) == [("send-mail", {"to": "Chez Ada"})]
    assert "The tools said: result 2 1" in text_of(final)


async def test_tools_are_left_alone_where_nothing_asks_for_them(client: anthropic.AsyncAnthropic) -> None:
    (final,) = await run(client, "Say hello to the readers.")
    assert '"Say hello to the readers."' in text_of(final)
    refused = await ask(client, "Please read `a.txt`.", tools=TOOLS, tool_choice={"type": "none"})
    assert kinds(refused) == ["text"]
    (told,) = await run(client, "Please read. [[sim reply=no]]")
    assert text_of(told) == "no"
