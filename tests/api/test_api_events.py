"""`/v1/sessions/{id}/events`: sent all or none, listed in every direction."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.support import Worker

MESSAGE = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}
INTERRUPT = {"type": "user.interrupt"}


@pytest.fixture
def session_id(client: TestClient) -> str:
    return str(client.post("/v1/sessions", json={}).json()["id"])


def send(client: TestClient, session_id: str, *events: dict[str, Any]) -> list[dict[str, Any]]:
    response = client.post(f"/v1/sessions/{session_id}/events", json={"events": events})
    assert response.status_code == 200, response.text
    data: list[dict[str, Any]] = response.json()["data"]
    return data


def listed(client: TestClient, session_id: str, **query: Any) -> dict[str, Any]:
    response = client.get(f"/v1/sessions/{session_id}/events", params=query)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def test_a_message_is_echoed_with_its_task(client: TestClient, session_id: str) -> None:
    [echo] = send(client, session_id, MESSAGE)
    assert echo == {**MESSAGE, "id": echo["id"], "processed_at": None, "task_id": echo["task_id"]}
    assert client.get(f"/v1/tasks/{echo['task_id']}").json()["status"] == "queued"
    [event] = listed(client, session_id)["data"]
    assert event == echo


def test_a_message_is_processed_when_its_task_starts(client: TestClient, session_id: str, worker: Worker) -> None:
    [first, second] = send(client, session_id, MESSAGE, MESSAGE)
    worker.answer(session_id)
    client.post(f"/v1/tasks/{second['task_id']}/cancel")
    events = listed(client, session_id, **{"types[]": "user.message"})["data"]
    started = client.get(f"/v1/tasks/{first['task_id']}").json()["started_at"]
    finished = client.get(f"/v1/tasks/{second['task_id']}").json()["finished_at"]
    assert [event["processed_at"] for event in events] == [started, finished]


def test_an_interrupt_stops_the_running_task(client: TestClient, session_id: str, worker: Worker) -> None:
    [message] = send(client, session_id, MESSAGE)
    worker.begin(session_id)
    [interrupt, follow_up] = send(client, session_id, INTERRUPT, MESSAGE)
    assert (interrupt["type"], interrupt["task_id"]) == ("user.interrupt", message["task_id"])
    assert follow_up["task_id"] != message["task_id"]
    [recorded] = listed(client, session_id, **{"types[]": "user.interrupt"})["data"]
    assert recorded["processed_at"] is not None


def test_an_interrupt_stops_the_turn_that_is_about_to_begin(
    client: TestClient, session_id: str, worker: Worker
) -> None:
    first, second = send(client, session_id, MESSAGE, MESSAGE)
    [interrupt] = send(client, session_id, INTERRUPT)
    assert interrupt["task_id"] == first["task_id"]
    stopped = client.get(f"/v1/tasks/{first['task_id']}").json()
    assert (stopped["status"], stopped["stop_reason"]) == ("cancelled", "interrupted")
    worker.answer(session_id, "Hi.")
    assert client.get(f"/v1/tasks/{second['task_id']}").json()["status"] == "succeeded"


def test_after_the_only_turn_is_stopped_the_session_says_that_it_is_idle(
    client: TestClient, session_id: str, worker: Worker
) -> None:
    send(client, session_id, MESSAGE, INTERRUPT)
    assert client.get(f"/v1/sessions/{session_id}").json()["status"] == "idle"
    worker.rest(session_id)
    [idle] = listed(client, session_id, **{"types[]": "session.status_idle"})["data"]
    assert idle["stop_reason"] == {"type": "end_turn"}


def test_an_interrupt_of_an_idle_session_is_only_recorded(client: TestClient, session_id: str) -> None:
    [interrupt] = send(client, session_id, INTERRUPT)
    assert interrupt["task_id"] is None


def test_all_events_are_taken_or_none(client: TestClient, session_id: str) -> None:
    bad = {"type": "user.message", "content": [{"type": "text"}]}
    assert client.post(f"/v1/sessions/{session_id}/events", json={"events": [MESSAGE, bad]}).status_code == 400
    assert listed(client, session_id)["data"] == []


def test_a_closed_session_takes_no_events(client: TestClient, session_id: str) -> None:
    client.post(f"/v1/sessions/{session_id}/archive")
    for event in (MESSAGE, INTERRUPT):
        refused = client.post(f"/v1/sessions/{session_id}/events", json={"events": [event]})
        assert refused.status_code == 400
        assert refused.json()["error"]["details"]["error_code"] == "session_closed"


def test_the_record_of_a_turn(client: TestClient, session_id: str, worker: Worker) -> None:
    send(client, session_id, MESSAGE)
    worker.answer(session_id, "Hi.")
    events = listed(client, session_id)["data"]
    assert [event["type"] for event in events] == [
        "user.message",
        "session.status_running",
        "span.model_request_start",
        "agent.message",
        "span.model_request_end",
        "task.succeeded",
        "session.usage",
        "session.status_idle",
    ]
    assert events[3]["id"] == "sevt_answer"
    assert events[3]["content"] == [{"type": "text", "text": "Hi."}]
    assert events[-1]["stop_reason"] == {"type": "end_turn"}


def test_paging_and_filters(client: TestClient, session_id: str, worker: Worker) -> None:
    send(client, session_id, MESSAGE)
    worker.answer(session_id)
    everything = [event["id"] for event in listed(client, session_id)["data"]]
    for order, expected in (("asc", everything), ("desc", everything[::-1])):
        seen: list[str] = []
        query: dict[str, Any] = {"limit": 3, "order": order}
        while True:
            body = listed(client, session_id, **query)
            seen += [event["id"] for event in body["data"]]
            if body["next_page"] is None:
                break
            query["page"] = body["next_page"]
        assert seen == expected
    types = {"types[]": ["agent.message", "user.message"]}
    assert [event["type"] for event in listed(client, session_id, **types)["data"]] == ["user.message", "agent.message"]
    assert listed(client, session_id, **{"created_at[gt]": "2100-01-01T00:00:00Z"})["data"] == []
    assert len(listed(client, session_id, **{"created_at[lt]": "2100-01-01T00:00:00Z"})["data"]) == len(everything)


NOTE = {"type": "system.message", "content": [{"type": "text", "text": "Be brief."}]}


def test_a_system_message_goes_with_the_users(client: TestClient, worker: Worker, session_id: str) -> None:
    sent = client.post(f"/v1/sessions/{session_id}/events", json={"events": [MESSAGE, NOTE]}).json()["data"]
    assert [event["type"] for event in sent] == ["user.message", "system.message"]
    assert sent[1]["content"] == NOTE["content"]
    assert sent[0]["task_id"] == sent[1]["task_id"]
    worker.answer(session_id)
    listed = client.get(f"/v1/sessions/{session_id}/events").json()["data"][:2]
    assert [event["id"] for event in listed] == [event["id"] for event in sent]
    assert listed[0]["processed_at"] == listed[1]["processed_at"] is not None
    said = client.get(f"/v1/sessions/{session_id}/messages").json()["data"]
    assert [message["role"] for message in said] == ["user", "system", "assistant"]
    assert said[1]["content"] == NOTE["content"]


@pytest.mark.parametrize(
    ("events", "field"),
    [
        ([NOTE], "events.0.type"),
        ([NOTE, MESSAGE], "events.0.type"),
        ([MESSAGE, NOTE, NOTE], "events.1.type"),
        ([MESSAGE, {"type": "user.interrupt"}, NOTE], "events.2.type"),
        ([MESSAGE, {**NOTE, "content": []}], "events.1.content"),
        ([MESSAGE, {**NOTE, "content": [{"type": "image"}]}], "events.1.content.0.type"),
    ],
)
def test_a_system_message_has_its_place(
    client: TestClient, session_id: str, events: list[dict[str, Any]], field: str
) -> None:
    answer = client.post(f"/v1/sessions/{session_id}/events", json={"events": events})
    assert answer.status_code == 400
    assert answer.json()["error"]["details"]["field"] == field
    assert client.get(f"/v1/sessions/{session_id}/events").json()["data"] == []
