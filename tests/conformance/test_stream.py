"""The stream tells what the list tells, in its order and under the same ids; deltas fold into the message."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from anthropic import Anthropic
from anthropic.lib.sessions import accumulate_managed_agents_event
from anthropic.types.beta.sessions import BetaManagedAgentsStreamSessionEvents

from tests.conformance import ours
from tests.conformance.scenes import Scenes, conform, conforms, of_type, says, types
from tests.process.cluster import until


def read_until(lines: Iterator[str], last: str) -> list[dict[str, Any]]:
    """The records up to the first of a type: each with its `event:` line, which is its type."""
    found: list[dict[str, Any]] = []
    name = None
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            found.append(json.loads(value))
            assert name == found[-1]["type"]
            if name == last:
                return found
    raise AssertionError(f"the stream ended before {last}, after {types(found)}")


@contextmanager
def listening(client: Anthropic, session_id: str, last: str, **query: Any) -> Iterator[Any]:
    """What a raw stream brings until an event of the type `last`, as a future."""
    events = client.beta.sessions.events.with_streaming_response
    with events.stream(session_id, **query) as response, ThreadPoolExecutor(1) as threads:
        yield threads.submit(read_until, response.iter_lines(), last)


def test_the_stream_is_the_list(scenes: Scenes) -> None:
    session = scenes.begin()
    with listening(scenes.client, session.id, "session.status_idle") as streamed:
        scenes.send(session.id, says("[[sim thinking]] Hello."), says("More."))
        told = streamed.result(60)
    record = scenes.record(session.id)
    conform(told)
    assert [event["id"] for event in told] == [event["id"] for event in record]
    assert types(told) == types(record)
    for streamed_event, listed in zip(told, record, strict=True):
        if not listed["type"].startswith("user."):
            assert streamed_event == listed
    assert [event["processed_at"] is None for event in of_type(told, "user.message")][1] is True


def test_what_was_missed_is_resumed(scenes: Scenes) -> None:
    session = scenes.begin(says("Hello."))
    record = scenes.idle(session.id, "end_turn")
    from_the_start = {"extra_headers": {"Last-Event-ID": "0"}}
    with listening(scenes.client, session.id, "session.status_idle", **from_the_start) as streamed:
        assert streamed.result(60) == record


def test_deltas_fold_into_the_message(scenes: Scenes) -> None:
    session = scenes.begin()
    words = "One two three four five six seven eight nine ten."
    with scenes.beta.sessions.events.stream(session.id, event_deltas=["agent.message"]) as stream:
        scenes.send(session.id, says(f'[[sim reply="{words}" deltas=5 latency=1]] Hello.'))
        folded: Any = None
        previews, started, final = [], [], None
        for event in stream:
            if event.type not in ours.OWN_EVENTS:
                conforms(BetaManagedAgentsStreamSessionEvents, event.to_dict(mode="json"))
            folded = accumulate_managed_agents_event(folded, event)
            if event.type == "event_start":
                started.append(event.event.id)
            if event.type == "event_delta":
                previews.append(folded.content[0].text)
            if event.type == "agent.message":
                final = event
            if event.type == "session.status_idle":
                break
    assert final is not None
    assert final.content[0].text == words
    assert previews, "no delta came"
    assert all(words.startswith(preview) for preview in previews)
    assert previews == sorted(previews, key=len)
    assert set(started) == {final.id}
    listed = scenes.record(session.id)
    assert not {"event_start", "event_delta"} & set(types(listed))
    assert of_type(listed, "agent.message")[0]["id"] == final.id


@pytest.mark.parametrize("ending", ["archive", "delete"])
def test_a_stream_ends_with_its_session(scenes: Scenes, ending: str) -> None:
    session = scenes.begin(says("Hello."))
    scenes.idle(session.id, "end_turn")
    last = {"archive": "session.status_terminated", "delete": "session.deleted"}[ending]
    with listening(scenes.client, session.id, last) as streamed:
        getattr(scenes.beta.sessions, ending)(session.id)
        told = streamed.result(60)
    conform(told)
    assert told[-1]["type"] == last


def test_no_words_without_being_asked(scenes: Scenes) -> None:
    session = scenes.begin()
    with listening(scenes.client, session.id, "session.status_idle") as streamed:
        scenes.send(session.id, says("Hello."))
        assert not {"event_start", "event_delta"} & set(types(streamed.result(60)))
    until(lambda: scenes.beta.sessions.retrieve(session.id).status == "idle", "idle")
