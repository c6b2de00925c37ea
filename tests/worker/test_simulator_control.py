"""The simulator steered from outside, and what it refuses as Claude would."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest

from ops.simulator.running import RunningSimulator, running_simulator
from tests.worker.talk import ask, tool, user

MODEL = "claude-opus-5-5"

pytestmark = pytest.mark.anyio


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
TEXT = {"type": "text", "text": "well"}
THOUGHT = {"type": "thinking", "thinking": "", "signature": "real"}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": ""}}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}


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
        ([user("x"), assistant(CALL), user([TEXT, RESULT])], "messages.1: `tool_use` ids were found without"),
        ([user("x"), assistant(CALL), user([RESULT])], "blocks must define tools"),
        ([user([CALL])], "messages.0: `tool_use` blocks can only be in `assistant` messages"),
        ([user("x"), assistant(RESULT)], "messages.1: `tool_result` blocks can only be in `user` messages"),
        ([user([THOUGHT])], "messages.0: `thinking` blocks can only be in `assistant` messages"),
        ([user("x"), assistant(TEXT, THOUGHT), user("y")], "The final block in an assistant message cannot be"),
        ([user("x"), assistant({**THOUGHT, "signature": ""}, TEXT), user("y")], "`thinking` or `redacted_thinking`"),
        (
            [user("x"), assistant({**CALL, "name": "a b"}), user([RESULT])],
            "0.tool_use.name: String should match pattern",
        ),
        ([user("x"), assistant(CALL), user([{**RESULT, "content": 1}])], "Input should be a valid string or list"),
        ([user("x"), assistant(CALL), user([{**RESULT, "is_error": "no"}])], "is_error: Input should be a valid bool"),
        (
            [user("x"), assistant(CALL), user([{**RESULT, "content": "", "is_error": True}])],
            "messages.2.content.0.tool_result: content cannot be empty if `is_error` is true",
        ),
        (
            [user("x"), assistant(CALL), user([{**RESULT, "content": [IMAGE], "is_error": True}])],
            "messages.2.content.0.tool_result: all content must be type `text` if `is_error` is true",
        ),
        ([user("x"), assistant(CALL), user([{**RESULT, "content": [CALL]}])], "Input tag 'tool_use' found"),
        (
            [user("x"), assistant(SEARCH, TEXT), user("y")],
            "messages.1: `web_search` tool use with id `srvtoolu_1` was found without a corresponding "
            "`web_search_tool_result` block",
        ),
        (
            [user("x"), assistant(SEARCH, CALL), user([RESULT, TEXT])],
            "`web_search` tool use with id `srvtoolu_1` was found without a corresponding",
        ),
        (
            [user("x"), assistant({**FOUND, "tool_use_id": "srvtoolu_2"}, TEXT), user("y")],
            "messages.1.content.0: unexpected `tool_use_id` found in `web_search_tool_result` blocks: srvtoolu_2. Each "
            "`web_search_tool_result` block must have a corresponding `server_tool_use` block before it.",
        ),
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


async def test_claudes_own_tools_may_wait_for_the_clients(client: anthropic.AsyncAnthropic) -> None:
    messages = [user("x"), assistant(SEARCH, CALL), user([RESULT])]
    final = await ask(client, messages, tools=[tool("read")])
    assert (final.content[0].type, final.content[0].tool_use_id) == ("web_search_tool_result", "srvtoolu_1")
    messages += [assistant(FOUND, TEXT), user("y")]
    assert (await ask(client, messages, tools=[tool("read")])).stop_reason == "end_turn"


async def test_a_whole_tool_loop_with_a_system_message_is_valid(client: anthropic.AsyncAnthropic) -> None:
    messages = [user("x"), assistant(CALL), user([RESULT]), {"role": "system", "content": "Be brief."}]
    assert (await ask(client, messages, tools=[tool("read")])).stop_reason == "end_turn"


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
