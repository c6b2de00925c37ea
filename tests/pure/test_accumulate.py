"""Our accumulation of a stream against the SDK's, on every recorded one; and streams that go wrong."""

import json
from typing import Any

import pytest

from tests.pure.recordings import events, names, ours, streams, theirs
from worker.accumulate import Accumulator, StreamError

SDK = "anthropic-sdk-python"
UNPARSABLE = f"{SDK}/tool_use_invalid_json_response.txt"

# A block whose end never came: the SDK shows the tool input as far as it got, we none, and nobody may run either.
CUT_INPUT = f"{SDK}/incomplete_partial_json_response.txt"
# The SDK writes the model that took over into `model`. We never ask for fallbacks, and keep what was sent.
FALLBACK = f"{SDK}/fallback_response.txt"

START = {
    "type": "message_start",
    "message": {"id": "msg_1", "model": "m", "content": [], "stop_reason": None, "usage": {"output_tokens": 1}},
}
STOP = {"type": "message_stop"}


def test_there_are_recordings() -> None:
    assert len(names()) >= 30


@pytest.mark.parametrize("name", [name for name in names() if name not in {UNPARSABLE, CUT_INPUT, FALLBACK}])
def test_a_recorded_stream_makes_the_message_that_the_sdk_makes(name: str) -> None:
    assert ours(streams()[name]) | _always(ours(streams()[name])) == theirs(streams()[name])


def test_a_tool_input_that_was_cut_stays_empty() -> None:
    mine, sdks = ours(streams()[CUT_INPUT]), theirs(streams()[CUT_INPUT])
    assert mine["stop_reason"] == "max_tokens"
    assert mine["content"][1].pop("input") == {}
    assert sdks["content"][1].pop("input")["filename"] == "taxes.txt"
    assert mine | _always(mine) == sdks


def test_a_fallback_leaves_the_model_that_was_asked() -> None:
    mine, sdks = ours(streams()[FALLBACK]), theirs(streams()[FALLBACK])
    assert (mine.pop("model"), sdks.pop("model")) == ("claude-opus-4-7", "claude-sonnet-4-5")
    assert mine | _always(mine) == sdks


def test_an_unparsable_tool_input_is_refused_as_the_sdk_refuses_it() -> None:
    with pytest.raises(ValueError, match="line 1 column 31"):
        theirs(streams()[UNPARSABLE])
    with pytest.raises(json.JSONDecodeError):
        ours(streams()[UNPARSABLE])


@pytest.mark.parametrize("name", names())
def test_whatever_is_cut_off_is_never_taken_for_whole(name: str) -> None:
    heard, said = Accumulator(), ""
    try:
        for event in events(streams()[name]):
            if event["type"] == "message_stop":
                break
            said += heard.feed(event)
            assert not heard.done
            assert heard.text() == said
    except json.JSONDecodeError:
        assert name == UNPARSABLE


def _always(message: dict[str, Any]) -> dict[str, Any]:
    # The SDK sets `stop_details` at the message's end even where none were sent: null, which is the same on the wire.
    return {"stop_details": message.get("stop_details")}


def text(index: int, *pieces: str, stop: bool = True) -> list[dict[str, Any]]:
    start = {"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}}
    deltas = [delta(index, {"type": "text_delta", "text": piece}) for piece in pieces]
    return [start, *deltas, *([{"type": "content_block_stop", "index": index}] if stop else [])]


def delta(index: int, delta: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def end(reason: str) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 7}}


def fed(*stream: dict[str, Any]) -> Accumulator:
    heard = Accumulator()
    for event in stream:
        heard.feed(event)
    return heard


def test_an_error_event_is_raised_with_what_came_before_it() -> None:
    heard = fed(START, *text(0, "Hel", "lo", stop=False))
    with pytest.raises(StreamError, match="overloaded_error: Overloaded") as caught:
        heard.feed({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded", "details": None}})
    assert caught.value.error["type"] == "overloaded_error"
    assert (heard.text(), heard.usage, heard.done) == ("Hello", {"output_tokens": 1}, False)


def test_an_error_may_be_the_first_event() -> None:
    with pytest.raises(StreamError):
        fed({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})


def test_a_text_whose_block_was_never_closed_is_kept() -> None:
    heard = fed(START, *text(0, "One, "), *text(1, "two", stop=False), end("max_tokens"), STOP)
    assert heard.message is not None
    assert [block["text"] for block in heard.message["content"]] == ["One, ", "two"]
    assert heard.text() == "One, two"


def test_unknown_events_deltas_and_blocks_do_no_harm() -> None:
    future = {"type": "content_block_start", "index": 1, "content_block": {"type": "hologram", "depth": 3}}
    heard = fed(
        {"type": "future_event"},
        {"type": "content_block_stop", "index": 0},
        START,
        {"type": "future_event", "usage": {"output_tokens": 99}},
        *text(0, "Hi", stop=False),
        delta(0, {"type": "future_delta", "colour": "blue"}),
        delta(0, {"type": "text_delta", "text": "!"}),
        {"type": "content_block_stop", "index": 0},
        future,
        delta(1, {"type": "text_delta", "text": "a hologram's words"}),
        {"type": "content_block_stop", "index": 1},
        end("end_turn"),
        STOP,
    )
    assert heard.message is not None
    words, hologram = heard.message["content"]
    assert words == {"type": "text", "text": "Hi!"}
    assert hologram["depth"] == 3
    assert heard.usage == {"output_tokens": 7}
    assert heard.done
