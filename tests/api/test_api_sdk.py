"""The official SDK, unmodified, is a client of Overnight."""

from collections.abc import Iterator
from threading import Timer
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic
from anthropic.lib.sessions import accumulate_managed_agents_event
from starlette.testclient import TestClient

from overnight import live
from tests.api.support import KEY, Api, RedisServer, Worker, until

MESSAGE: Any = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}


@pytest.fixture
def sdk(client: TestClient, key: str) -> Anthropic:
    return Anthropic(api_key=key, base_url="http://testserver", http_client=client, max_retries=0)


@pytest.fixture
def live_sdk(api: Api) -> Iterator[Anthropic]:
    with api.new_client() as http_client:
        yield Anthropic(api_key=KEY, base_url=api.url, http_client=http_client, max_retries=0)


def test_the_life_of_a_session(sdk: Anthropic, worker: Worker) -> None:
    session = sdk.beta.sessions.create(
        agent="agent_default",
        environment_id="env_default",
        title="A title",
        metadata={"k": "v"},
        initial_events=[MESSAGE],
    )
    assert (session.status, session.title, session.metadata) == ("running", "A title", {"k": "v"})
    assert session.agent.model.id == "claude-sonnet-5-5"
    worker.answer(session.id, "Hi.")
    assert sdk.beta.sessions.retrieve(session.id).status == "idle"
    sent = sdk.beta.sessions.events.send(session.id, events=[MESSAGE, {"type": "user.interrupt"}])
    assert sent.data is not None
    assert [event.type for event in sent.data] == ["user.message", "user.interrupt"]
    assert sent.data[0].processed_at is None
    types = [event.type for event in sdk.beta.sessions.events.list(session.id, limit=2)]
    assert types[0] == "user.message"
    assert types[-3:] == ["user.message", "user.interrupt", "task.cancelled"]
    archived = sdk.beta.sessions.archive(session.id)
    assert archived.status == "terminated"
    assert archived.archived_at is not None
    assert sdk.beta.sessions.delete(session.id).type == "session_deleted"
    with pytest.raises(anthropic.NotFoundError) as missing:
        sdk.beta.sessions.retrieve(session.id)
    assert missing.value.type == "not_found_error"
    assert missing.value.request_id is not None
    assert missing.value.request_id.startswith("req_")


def test_lists_page_by_themselves(sdk: Anthropic) -> None:
    made = {sdk.beta.sessions.create(agent="agent_default", environment_id="env_default").id for _ in range(5)}
    pages = sdk.beta.sessions.list(limit=2, statuses=["idle", "running"], created_at_gt="2020-01-01T00:00:00Z")
    assert [session.id for session in pages][::-1] != []
    assert {session.id for session in sdk.beta.sessions.list(limit=2)} == made


def test_errors_are_those_of_the_sdk(sdk: Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError) as refused:
        sdk.beta.sessions.create(agent="agent_default", environment_id="env_default", vault_ids=["vlt_1"])
    assert "vault_ids: is not supported yet" in refused.value.message
    with pytest.raises(anthropic.AuthenticationError):
        sdk.with_options(api_key="wrong").beta.sessions.list()


def test_unsupported_parts_are_refused_by_name(sdk: Anthropic) -> None:
    overrides: Any = {"type": "agent_with_overrides", "id": "agent_default", "skills": []}
    with pytest.raises(anthropic.BadRequestError) as refused:
        sdk.beta.sessions.create(agent=overrides, environment_id="env_default")
    assert "agent.skills: is not supported yet" in refused.value.message
    session = sdk.beta.sessions.create(agent="agent_default", environment_id="env_default")
    outcome: Any = {"type": "user.define_outcome", "description": "done"}
    with pytest.raises(anthropic.BadRequestError) as refused:
        sdk.beta.sessions.events.send(session.id, events=[outcome])
    assert "user.define_outcome" in refused.value.message


def test_a_stream_with_deltas_folds_into_the_message(
    live_sdk: Anthropic, worker: Worker, redis_server: RedisServer
) -> None:
    session = live_sdk.beta.sessions.create(agent="agent_default", environment_id="env_default")
    channel = live.channel(session.id)
    with live_sdk.beta.sessions.events.stream(session.id, event_deltas=["agent.message"]) as stream:
        until(lambda: redis_server.listeners(channel))
        live_sdk.beta.sessions.events.send(session.id, events=[MESSAGE])
        turn = worker.begin(session.id)
        for frame in (live.event_start("sevt_live"), live.event_delta("sevt_live", "Hel")):
            redis_server.client.publish(channel, live.encode(frame))
        redis_server.client.publish(channel, live.encode(live.event_delta("sevt_live", "lo.")))
        finish = Timer(0.5, worker.succeed, [turn, "Hello.", "sevt_live"])
        finish.start()
        previews, final = [], None
        accumulated: Any = None
        for event in stream:
            accumulated = accumulate_managed_agents_event(accumulated, event)
            if event.type == "event_delta":
                previews.append(accumulated.content[0].text)
            if event.type == "session.status_idle":
                final = accumulated
                break
        finish.join()
    assert previews == ["Hel", "Hello."]
    assert final is not None
    assert (final.id, final.content[0].text) == ("sevt_live", "Hello.")
