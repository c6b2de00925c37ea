"""How sessions end and go on, over HTTP."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from overnight.states import ArchiveReason
from overnight.store import leases, packs, retirement, succession
from tests.api.support import Worker
from tests.api.test_api_lives import SESSIONS, post, session, task


def ended(worker: Worker, session_id: str, summary: str | None = "All was said.", *, goes_on: bool = False) -> None:
    """By its owner, as a worker does it."""
    with worker._database.write() as connection:
        lease = leases.acquire(connection, session_id, "node#9", 30.0)
        assert lease is not None
        if goes_on:
            assert summary is not None
            end = {"max_age": None, "idle_check": 60.0}
            assert succession.hand_over(connection, lease, ArchiveReason.IDLE, summary, None, **end)  # type: ignore[arg-type]
        else:
            assert retirement.archive(connection, lease, ArchiveReason.IDLE, summary, None, None)


def packed(worker: Worker, session_id: str) -> None:
    is_done = False
    while not is_done:
        with worker._database.write() as connection:
            is_done = packs.pack_some(connection, session_id, 2)


def talked(client: TestClient, worker: Worker, **fields: Any) -> str:
    session_id: str = session(client, **fields)["id"]
    task(client, session_id=session_id)
    worker.answer(session_id)
    return session_id


def test_an_archived_session_says_how_to_go_on_and_does(client: TestClient, worker: Worker) -> None:
    session_id = talked(client, worker)
    paths = [
        f"{SESSIONS}/{session_id}/{what}" for what in ("messages", "events?limit=100", "events?order=desc&limit=2")
    ]
    ended(worker, session_id)
    before = [client.get(path).json()["data"] for path in paths]
    packed(worker, session_id)
    assert [client.get(path).json()["data"] for path in paths] == before
    stored = client.get(f"{SESSIONS}/{session_id}/usage").json()["storage"]
    assert stored["packed_rows"] > 4
    assert client.get("/v1/usage").json()["storage"] == stored
    refused = client.post("/v1/tasks", json={"prompt": "Go.", "session_id": session_id}).json()["error"]
    assert refused["details"] == {"error_code": "session_closed", "resume_from": ["summary", "full"]}
    asked = post(client, f"{session_id}/resume", status=400)["error"]
    assert asked["message"].startswith("from: ")
    assert "from: " in post(client, f"{session_id}/resume", {"from": "half"}, 400)["error"]["message"]
    resumed = post(client, f"{session_id}/resume", {"from": "summary"})
    assert (resumed["state"], resumed["archived_at"], resumed["message_count"]) == ("idle", None, 2)
    assert client.get(f"{SESSIONS}/{session_id}/usage").json()["storage"] is None
    assert client.get(paths[0]).json()["data"] == before[0]
    task(client, session_id=session_id)
    worker.answer(session_id)
    sent = client.get(f"{SESSIONS}/{session_id}/messages", params={"as_sent": 4}).json()["data"]
    assert "All was said." in str(sent)
    assert len(sent) == 1


def test_a_task_for_one_that_goes_on_in_another(client: TestClient, worker: Worker) -> None:
    session_id = talked(client, worker, context_key="K")
    ended(worker, session_id, goes_on=True)
    old = client.get(f"{SESSIONS}/{session_id}").json()
    made = task(client, session_id=session_id)
    assert made["session_id"] == old["continued_by"] == task(client, context_key="K")["session_id"]
    new = client.get(f"{SESSIONS}/{made['session_id']}").json()
    assert (new["continues"], new["context_key"]) == (session_id, "K")
    event = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}
    refused = post(client, f"{session_id}/events", {"events": [event]}, 400)["error"]
    assert refused["details"]["continued_by"] == new["id"]


@pytest.mark.parametrize("summary", ["All was said.", None])
def test_a_session_that_goes_on_by_itself(client: TestClient, worker: Worker, summary: str | None) -> None:
    session_id = talked(client, worker)
    ended(worker, session_id, summary)
    assert client.post("/v1/expiry", json={"resume": "summary"}).json()["resume"] == "summary"
    event = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}
    post(client, f"{session_id}/events", {"events": [event]})
    worker.answer(session_id)
    assert client.get(f"{SESSIONS}/{session_id}").json()["message_count"] == 4


def test_limits_are_said_at_each_place(client: TestClient) -> None:
    held = client.post("/v1/expiry", json={"max_age": 7_200.0, "on_expiry": "delete"}).json()
    assert (held["holds"]["max_age"], held["holds"]["on_expiry"]) == (7_200.0, "delete")
    assert held["workspace"]["idle_ttl"] is None
    assert client.get("/v1/expiry").json() == held
    agent = client.post(
        "/v1/agents", json={"name": "A", "model": "claude-sonnet-5-5", "expiry": {"idle_ttl": 600.0}}
    ).json()
    assert agent["expiry"] == {"idle_ttl": 600.0}
    one = session(client, agent=agent["id"])
    other = session(client, agent=agent["id"], expiry={"idle_ttl": 60.0, "max_messages": 9})
    assert one["expires_at"] > other["expires_at"]
    assert other["expiry"] == {"idle_ttl": 60.0, "max_messages": 9}
    changed = client.post(f"{SESSIONS}/{other['id']}", json={"expiry": {"idle_ttl": 0.0, "max_age": 0.0}}).json()
    assert changed["expires_at"] is None
    extended = post(client, f"{one['id']}/extend", {"seconds": 86_400.0})
    assert extended["kept_until"] == extended["expires_at"]
    for body, complaint in (({"max_age": -1.0}, "max_age"), ({"on_expiry": "burn"}, "on_expiry"), ({"ttl": 1}, "ttl")):
        answer = client.post("/v1/expiry", json=body)
        assert answer.status_code == 400
        assert complaint in answer.json()["error"]["message"]
    assert "seconds" in post(client, f"{one['id']}/extend", {"seconds": 0}, 400)["error"]["message"]


def test_archived_by_hand_with_a_summary(client: TestClient, worker: Worker) -> None:
    session_id = talked(client, worker)
    asked = post(client, f"{session_id}/archive", {"summary": True})
    assert (asked["state"], asked["archived_at"], asked["summary"]) == ("idle", None, None)
    assert asked["archiving_since"] is not None
    assert post(client, f"{session_id}/archive", {"summary": True}) == asked
    ended(worker, session_id)
    shown = post(client, f"{session_id}/archive", {"summary": True})
    assert (shown["state"], shown["summary"], shown["archiving_since"]) == ("archived", "All was said.", None)
    paused = session(client)["id"]
    post(client, f"{paused}/pause")
    assert "summary: " in post(client, f"{paused}/archive", {"summary": True}, 400)["error"]["message"]
    assert post(client, f"{paused}/archive", {})["state"] == "archived"
    assert "summary" in post(client, f"{paused}/archive", {"summary": "yes"}, 400)["error"]["message"]
