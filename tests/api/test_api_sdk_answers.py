"""The official SDK answers tool calls, as its Managed Agents guide has it: by what an idle session requires."""

from typing import Any

import anthropic
import pytest
from anthropic import Anthropic
from anthropic.types.beta.sessions import (
    BetaManagedAgentsAgentCustomToolUseEvent,
    BetaManagedAgentsAgentToolUseEvent,
    BetaManagedAgentsSessionStatusIdleEvent,
)
from starlette.testclient import TestClient

from tests.api.support import Worker
from tests.asking import APPROVED, CUSTOM, Wish

MESSAGE: Any = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}


@pytest.fixture
def sdk(client: TestClient, key: str) -> Anthropic:
    return Anthropic(api_key=key, base_url="http://testserver", http_client=client, max_retries=0)


def asking(sdk: Anthropic, worker: Worker, *wishes: Wish) -> str:
    """A session that requires answers."""
    session = sdk.beta.sessions.create(agent="agent_default", environment_id="env_default", initial_events=[MESSAGE])
    worker.ask(session.id, *wishes)
    return session.id


def required(sdk: Anthropic, session_id: str) -> list[Any]:
    """The events that the idle session names."""
    events = {event.id: event for event in sdk.beta.sessions.events.list(session_id)}
    idle = [event for event in events.values() if isinstance(event, BetaManagedAgentsSessionStatusIdleEvent)][-1]
    assert idle.stop_reason.type == "requires_action"
    return [events[event_id] for event_id in idle.stop_reason.event_ids]


def test_a_client_answers_what_is_required(sdk: Anthropic, worker: Worker) -> None:
    session_id = asking(sdk, worker, APPROVED, CUSTOM)
    assert sdk.beta.sessions.retrieve(session_id).status == "idle"
    approved, custom = required(sdk, session_id)
    assert isinstance(approved, BetaManagedAgentsAgentToolUseEvent)
    assert (approved.name, approved.evaluated_permission) == ("send_mail", "ask")
    assert isinstance(custom, BetaManagedAgentsAgentCustomToolUseEvent)
    sent = sdk.beta.sessions.events.send(
        session_id,
        events=[
            {
                "type": "user.tool_confirmation",
                "tool_use_id": approved.id,
                "result": "deny",
                "deny_message": "not to strangers",
            },
            {
                "type": "user.custom_tool_result",
                "custom_tool_use_id": custom.id,
                "content": [{"type": "text", "text": f"{custom.name}: 42"}],
                "is_error": False,
            },
        ],
    )
    assert sent.data is not None
    assert [event.type for event in sent.data] == ["user.tool_confirmation", "user.custom_tool_result"]
    denied, provided = worker.take_up(session_id)
    assert (denied["is_error"], provided["content"][0]["text"]) == (True, "look_up: 42")


def test_an_answer_at_a_time(sdk: Anthropic, worker: Worker) -> None:
    session_id = asking(sdk, worker, CUSTOM, CUSTOM)
    while len(left := required(sdk, session_id)) > 1:
        answer: Any = {"type": "user.custom_tool_result", "custom_tool_use_id": left[-1].id}
        sdk.beta.sessions.events.send(session_id, events=[answer])
        assert worker.take_up(session_id) == []
    allow: Any = {"type": "user.tool_confirmation", "tool_use_id": left[0].id, "result": "allow"}
    with pytest.raises(anthropic.BadRequestError) as refused:
        sdk.beta.sessions.events.send(session_id, events=[allow])
    assert f"events.0.tool_use_id: {left[0].id} is a call of look_up" in refused.value.message
    answer = {"type": "user.custom_tool_result", "custom_tool_use_id": left[0].id}
    sdk.beta.sessions.events.send(session_id, events=[answer])
    assert len(worker.take_up(session_id)) == 2


def test_a_list_of_events_is_typed_throughout(sdk: Anthropic, worker: Worker) -> None:
    session_id = asking(sdk, worker, APPROVED)
    [call] = required(sdk, session_id)
    sdk.beta.sessions.events.send(
        session_id, events=[{"type": "user.tool_confirmation", "tool_use_id": call.id, "result": "allow"}]
    )
    confirmed = list(sdk.beta.sessions.events.list(session_id, types=["user.tool_confirmation"]))
    assert [(event.type, event.processed_at is not None) for event in confirmed] == [("user.tool_confirmation", True)]
