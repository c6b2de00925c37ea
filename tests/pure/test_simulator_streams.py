"""The simulator's streams and errors against what the real Claude sent, as recorded."""

import json
from collections.abc import Callable, Iterable
from functools import cache
from itertools import groupby
from typing import Any

import pytest

from ops.simulator.cache import Usage
from ops.simulator.directives import Directives
from ops.simulator.errors import Refused, stream_error
from ops.simulator.ratelimits import RateLimits
from ops.simulator.replies import compose
from ops.simulator.shapes import Envelope, message
from ops.simulator.stream import as_json, frame, frames
from tests.pure.recordings import DATA, names, streams

Event = tuple[str, dict[str, Any]]

REQUEST = {
    "model": "claude-opus-5-5",
    "max_tokens": 4096,
    "messages": [{"role": "user", "content": "Two names?"}],
    "tools": [{"name": "get_weather"}, {"name": "get_time"}],
}
TOOLS = (
    (
        {"type": "tool_use", "name": "get_weather", "input": {"location": "San Francisco"}},
        {"type": "tool_use", "name": "get_time", "input": {"timezone": "America/Los_Angeles"}},
    ),
)
# What each is compared with: for the fields the newest recording, for the order the one with the most kinds of deltas.
TEXT = "llm-anthropic/test_tools.1.sse"
TOOL_USE = "llm-anthropic/test_tools.0.sse"
TOOL_USE_WITH_INPUT = "openllmetry/test_anthropic_tools_streaming_legacy.0.sse"
THINKING = "openllmetry/test_anthropic_thinking_streaming_with_events_with_content.0.sse"
REFUSAL = "llm-anthropic/refusal_2026-09-02.sse"
SEARCH = "anthropic-sdk-python/server_tool_use_response.txt"
PAUSED = "pydantic-ai/test_pause_turn_web_search_streaming_vcr.0.sse"
RESUMED = "pydantic-ai/test_pause_turn_web_search_streaming_vcr.1.sse"
CUT_CALL = "anthropic-sdk-python/incomplete_partial_json_response.txt"


def events(stream: str) -> list[Event]:
    """Server-sent events as (name, data)."""
    found = []
    for block in stream.replace("\r\n", "\n").split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def recorded(name: str) -> list[Event]:
    return events(streams()[name])


@cache
def all_recorded() -> list[Event]:
    """Every event of every recorded stream, but for those that the vendor wrote by hand."""
    return [event for name in names() if name.endswith(".sse") for event in recorded(name)]


def simulated(wanted: Directives | None = None) -> list[Event]:
    envelope = Envelope("msg_sim1", "claude-opus-5-5", Usage(fresh=17))
    head, deltas, tail = frames(compose(REQUEST, wanted or Directives()), envelope, text_deltas=4)
    return events((head + b"".join(deltas) + tail).decode())


def kind(event: Event) -> str:
    """The event's name, with the type of the block or delta it carries."""
    name, data = event
    inner = data.get("content_block") or data.get("delta") or {}
    return f"{name}({inner['type']})" if "type" in inner else name


def order(stream: Iterable[Event]) -> list[str]:
    """Kinds of events in order, any number of the same delta counting as one."""
    return [name for name, _ in groupby(map(kind, stream))]


def fields(value: Any, path: str) -> set[str]:
    """Every field below, as path:type."""
    if not isinstance(value, dict):
        return {f"{path}:{type(value).__name__}"}
    return {f"{path}:object"}.union(*(fields(inner, f"{path}.{name}") for name, inner in value.items()))


def fields_of(stream: Iterable[Event]) -> set[str]:
    # The input of a tool and what a refusal says are the model's own words, not the protocol's.
    return {field for event in stream for field in fields(event[1], kind(event)) if ".input." not in field}


def paths(found: set[str]) -> set[str]:
    return {field.rsplit(":", 1)[0] for field in found}


@pytest.mark.parametrize(
    ("wanted", "recording"),
    [
        (Directives(), TEXT),
        (Directives(script=TOOLS), TOOL_USE),
        (Directives(thinking=True), THINKING),
        (Directives(refusal=True), REFUSAL),
    ],
    ids=["text", "tool_use", "thinking", "refusal"],
)
def test_fields_are_those_of_the_recording(wanted: Directives, recording: str) -> None:
    ours, theirs = fields_of(simulated(wanted)), fields_of(recorded(recording))
    assert paths(theirs) - paths(ours) == set(), "recorded, but the simulator does not send it"
    assert ours - fields_of(all_recorded()) == set(), "the simulator sends what was never recorded"


def test_a_refusal_has_no_field_more_than_the_recorded_one() -> None:
    assert fields_of(simulated(Directives(refusal=True))) == fields_of(recorded(REFUSAL))


@pytest.mark.parametrize(
    ("wanted", "recording"),
    [
        (Directives(), TEXT),
        (
            Directives(script=(({"type": "text", "text": "Certainly!"}, *TOOLS[0]),)),
            TOOL_USE_WITH_INPUT,
        ),
        (Directives(thinking=True), THINKING),
        (Directives(refusal=True), REFUSAL),
    ],
    ids=["text", "tool_use", "thinking", "refusal"],
)
def test_events_come_in_the_recorded_order(wanted: Directives, recording: str) -> None:
    assert order(simulated(wanted)) == order(recorded(recording))


def call_kinds(stream: list[Event]) -> list[str]:
    """Kinds of events that tell of Claude's own calls and their results, and how each ended."""
    ours = {
        data["index"]
        for name, data in stream
        if name == "content_block_start" and data["content_block"]["type"].startswith(("server_", "web_"))
    }
    return [kind(event) for event in stream if event[1].get("index") in ours]


def test_a_search_with_its_result_looks_as_recorded() -> None:
    ours, theirs = (order_of(stream) for stream in (simulated(Directives(server_tool="web_search")), recorded(SEARCH)))
    assert ours == theirs
    results = [started(stream, "web_search_tool_result") for stream in (simulated(SEARCHES), recorded(RESUMED))]
    assert fields(without_lists(results[0]), "") == fields(without_lists(results[1]), "")
    told = [stream[-2][1]["usage"]["server_tool_use"] for stream in (simulated(SEARCHES), recorded(SEARCH))]
    assert told[0] == told[1] == {"web_search_requests": 1, "web_fetch_requests": 0}
    pages = [result["content"][0] for result in results]
    assert pages[0].keys() == pages[1].keys()


SEARCHES = Directives(server_tool="web_search")


def order_of(stream: list[Event]) -> list[str]:
    return [name for name, _ in groupby(call_kinds(stream))]


def started(stream: list[Event], wanted: str) -> dict[str, Any]:
    return next(data["content_block"] for _, data in stream if data.get("content_block", {}).get("type") == wanted)


def without_lists(block: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in block.items() if not isinstance(value, list)}


def test_a_paused_turn_ends_as_recorded() -> None:
    for stream in (simulated(Directives(pause=1, reply="Wait.")), recorded(PAUSED)):
        assert order(stream)[-5:] == [
            "content_block_start(server_tool_use)",
            "content_block_delta(input_json_delta)",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
        assert stream[-2][1]["delta"]["stop_reason"] == "pause_turn"


def test_a_call_that_is_cut_is_never_closed_as_recorded() -> None:
    for stream in (
        simulated(Directives(tool="get_weather", input='{"city": "Paris"}', cut_call=True)),
        recorded(CUT_CALL),
    ):
        assert order(stream)[-3:] == ["content_block_delta(input_json_delta)", "message_delta", "message_stop"]
        assert stream[-2][1]["delta"]["stop_reason"] == "max_tokens"


def test_the_first_piece_of_a_tool_input_is_empty_as_recorded() -> None:
    for stream in (simulated(Directives(script=TOOLS)), recorded(TOOL_USE_WITH_INPUT)):
        first = next(data for name, data in stream if data.get("delta", {}).get("type") == "input_json_delta")
        assert first["delta"]["partial_json"] == ""


def test_the_pieces_of_a_text_make_it_whole() -> None:
    text = 'Umlaut ä, emoji 🌙, "quotes", a\nnew line\u2028, NUL \x00, a lone surrogate \ud800.'
    pieces = [
        data["delta"]["text"] for name, data in simulated(Directives(reply=text)) if name == "content_block_delta"
    ]
    assert len(pieces) == 4
    assert "".join(pieces) == text


def test_an_answer_without_stream_has_the_recorded_fields() -> None:
    newest = json.loads((DATA / "pydantic-ai/test_anthropic_model_retrying_after_empty_response.0.json").read_text())
    ours = message(compose(REQUEST, Directives()), Envelope("msg_sim1", "claude-opus-5-5", Usage(fresh=17)))
    assert fields(ours, "message") == fields(newest, "message")
    assert fields(ours["content"][0], "text") == fields(newest["content"][0], "text")


def published_errors() -> list[dict[str, Any]]:
    return list(json.loads((DATA / "real_errors.json").read_text())["errors"])


def published(wanted: Callable[[dict[str, Any]], bool]) -> list[Any]:
    return [
        pytest.param(error, id=f"{n}-{error['status']}") for n, error in enumerate(published_errors()) if wanted(error)
    ]


@pytest.mark.parametrize("real", published(lambda error: "body" in error))
def test_error_bodies_have_the_published_shape(real: dict[str, Any]) -> None:
    ours = json.loads(Refused(real["status"]).body("req_sim1"))
    # The oldest reports came before `request_id` was in the body.
    assert paths(fields(real["body"], "")) - paths(fields(ours, "")) == set()
    assert paths(fields(ours, "")) - paths(fields(real["body"], "")) <= {".request_id"}
    assert ours["error"]["type"] == real["body"]["error"]["type"]


@pytest.mark.parametrize("status", [413, 429, 500, 529])
def test_error_messages_are_worded_as_published(status: int) -> None:
    said = {
        error["body"]["error"]["message"]
        for error in published_errors()
        if error["status"] == status and "body" in error
    }
    assert Refused(status).message in said


@pytest.mark.parametrize("real", published(lambda error: error["status"] >= 400 and "headers" in error))
def test_error_headers_tell_what_the_published_ones_tell(real: dict[str, Any]) -> None:
    refused = Refused(real["status"], retry_after=16 if "retry-after" in real["headers"] else None)
    ours = {name.decode(): value.decode() for name, value in refused.headers() + RateLimits().headers(exhausted=True)}
    expected = {
        name
        for name in real["headers"]
        if name.startswith(("anthropic-ratelimit-", "retry-after", "x-should", "content-type"))
    }
    assert expected - ours.keys() == set()
    assert ours["x-should-retry"] == real["headers"]["x-should-retry"]
    assert ours.get("retry-after") == real["headers"].get("retry-after")


def test_headers_of_an_answer_have_the_recorded_names_and_forms() -> None:
    real = json.loads((DATA / "llm-anthropic/real_headers_200.json").read_text())
    ours = {name.decode(): value.decode() for name, value in RateLimits().headers(10, 10)}
    for name, value in real.items():
        if name.startswith("anthropic-ratelimit-"):
            assert len(ours[name]) == len(value) or value.isdigit() == ours[name].isdigit() is True, name


def test_an_error_inside_a_stream_is_the_recorded_event() -> None:
    real = next(error["body_first_event"] for error in published_errors() if error.get("sse"))
    ours = frame("error", as_json(stream_error("overloaded_error", "req_..."))).decode()
    assert ours == real
