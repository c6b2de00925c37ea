"""What of a session is sent: pins, resets, and what was sent for a reply."""

from typing import Any

from starlette.testclient import TestClient

from tests.api.support import Worker

Json = dict[str, Any]


def answered(client: TestClient, worker: Worker, *prompts: str) -> str:
    """A session in which these were said and answered."""
    session_id: str = client.post("/v1/sessions", json={}).json()["id"]
    for prompt in prompts:
        client.post("/v1/tasks", json={"prompt": prompt, "session_id": session_id})
        worker.answer(session_id)
    return session_id


def said(words: str) -> list[Json]:
    return [{"type": "text", "text": words}]


def test_what_was_sent_for_a_reply(client: TestClient, worker: Worker) -> None:
    path = f"/v1/sessions/{answered(client, worker, 'one', 'two')}/messages"
    assert client.get(path, params={"as_sent": 4}).json() == {
        "data": [
            {"role": "user", "content": said("one")},
            {"role": "assistant", "content": said("Done.")},
            {"role": "user", "content": said("two")},
        ],
        "next_page": None,
        "system": None,
        "context": 0,
        "context_from": 0,
    }
    wrong = client.get(path, params={"as_sent": 3})
    assert wrong.status_code == 400
    assert wrong.json()["error"]["message"] == ("as_sent: message 3 is the user's; give the seq of a reply of Claude's")
    assert client.get(path, params={"as_sent": 9}).status_code == 404
    assert client.get(path, params={"as_sent": 0}).status_code == 400


def test_pins_are_shown_and_let_go(client: TestClient, worker: Worker) -> None:
    path = f"/v1/sessions/{answered(client, worker, 'one', 'two')}/messages"
    for _ in range(2):
        assert client.post(f"{path}/3/pin").json()["pinned"] is True
    assert [row["pinned"] for row in client.get(path).json()["data"]] == [False, False, True, False]
    assert [row["context"] for row in client.get(path).json()["data"]] == [None, 0, None, 0]
    for _ in range(2):
        assert client.post(f"{path}/3/unpin").json()["pinned"] is False
    assert not any(row["pinned"] for row in client.get(path).json()["data"])
    assert client.post(f"{path}/5/pin").status_code == 404
    assert client.post(f"{path}/x/pin").status_code == 400
    assert client.post("/v1/sessions/sesn_none/messages/1/pin").status_code == 404


def test_a_pin_brings_back_what_a_reset_left_behind(client: TestClient, worker: Worker) -> None:
    session_id = answered(client, worker, "one", "two")
    path = f"/v1/sessions/{session_id}"
    assert client.post(f"{path}/reset").status_code == 200
    assert client.post(f"{path}/messages/1/pin").status_code == 200
    client.post("/v1/tasks", json={"prompt": "three", "session_id": session_id})
    client.post(f"{path}/messages/3/pin")
    worker.answer(session_id)
    sent = client.get(f"{path}/messages", params={"as_sent": 6}).json()
    assert (sent["context"], sent["context_from"]) == (3, 4)
    texts = [block["text"] for message in sent["data"] for block in message["content"]]
    assert (texts[:2], texts[-1]) == (["one", "two"], "three")
    events = client.get(f"{path}/events", params={"types[]": "session.context_reset"}).json()["data"]
    assert [event["context_from"] for event in events] == [4]


def test_a_reset_waits_until_the_session_rests(client: TestClient, worker: Worker) -> None:
    session_id = answered(client, worker, "one")
    client.post("/v1/tasks", json={"prompt": "two", "session_id": session_id})
    refused = client.post(f"/v1/sessions/{session_id}/reset")
    assert refused.status_code == 400
    assert "session: the session is running; interrupt it" in refused.json()["error"]["message"]
    worker.answer(session_id)
    client.post(f"/v1/sessions/{session_id}/archive")
    assert client.post(f"/v1/sessions/{session_id}/reset").status_code in {400, 409}
    assert client.post("/v1/sessions/sesn_none/reset").status_code == 404


def test_an_agent_says_how_much_is_sent(client: TestClient) -> None:
    history = {"type": "window", "max_tokens": 40_000, "max_messages": 60}
    made = client.post("/v1/agents", json={"name": "x", "model": "claude-sonnet-5-5", "history": history}).json()
    assert made["history"] == history
    plain = client.post("/v1/agents", json={"name": "x", "model": "claude-sonnet-5-5"}).json()
    assert plain["history"] == {"type": "compact"}
