"""`/v1/sessions`: created, found, listed, archived, deleted, read."""

from typing import Any

from starlette.testclient import TestClient

from overnight.states import WaitReason
from tests.api.support import MODEL, Worker


def create(client: TestClient, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/sessions", json={"agent": "agent_default", "environment_id": "env_default", **body})
    assert response.status_code == 200, response.text
    session: dict[str, Any] = response.json()
    return session


def said(text: str) -> dict[str, Any]:
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


def test_a_session_begins_idle(client: TestClient) -> None:
    session = create(client, title="T", metadata={"k": "v"}, user_id="u", context_key="c")
    assert session["status"] == "idle"
    assert (session["title"], session["metadata"], session["user_id"]) == ("T", {"k": "v"}, "u")
    assert session["agent"]["id"] == "agent_default"
    assert session["environment_id"] == "env_default"
    assert client.get(f"/v1/sessions/{session['id']}").json() == session


def test_initial_events_set_it_to_work(client: TestClient) -> None:
    session = create(client, initial_events=[said("one"), said("two")])
    assert session["status"] == "running"
    tasks = client.get("/v1/tasks", params={"session_id": session["id"]}).json()["data"]
    assert len(tasks) == 2


def test_an_agent_may_be_named_in_three_ways(client: TestClient) -> None:
    by_reference = create(client, agent={"type": "agent", "id": "agent_default", "version": 1})
    assert by_reference["agent"]["version"] == 1
    overridden = create(
        client,
        agent={"type": "agent_with_overrides", "id": "agent_default", "model": {"id": MODEL}, "system": "Be kind."},
    )
    assert (overridden["model"], overridden["agent"]["system"]) == (MODEL, "Be kind.")
    by_name = create(client, agent={"type": "agent_with_overrides", "id": "agent_default", "model": MODEL})
    assert (by_name["model"], by_name["agent"]["system"]) == (MODEL, None)


def test_an_open_session_keeps_its_context_key_to_itself(client: TestClient) -> None:
    first = create(client, context_key="c")
    refused = client.post("/v1/sessions", json={"context_key": "c"})
    assert refused.status_code == 400
    assert refused.json()["error"]["details"]["field"] == "context_key"
    client.post(f"/v1/sessions/{first['id']}/archive")
    create(client, context_key="c")


def test_the_status_follows_the_work(client: TestClient, worker: Worker) -> None:
    session = create(client, initial_events=[said("one")])

    def status() -> str:
        return str(client.get(f"/v1/sessions/{session['id']}").json()["status"])

    worker.park(session["id"], WaitReason.RETRY, delay=-1)
    assert status() == "rescheduling"
    turn = worker.begin(session["id"])
    assert status() == "running"
    worker.succeed(turn)
    assert status() == "idle"
    assert client.post(f"/v1/sessions/{session['id']}/archive").json()["status"] == "terminated"
    assert status() == "terminated"


def test_listing_by_status(client: TestClient, worker: Worker) -> None:
    idle = create(client)["id"]
    running = create(client, initial_events=[said("one")])["id"]
    rescheduling = create(client, initial_events=[said("one"), said("two")])["id"]
    worker.park(rescheduling, WaitReason.RATE_LIMIT)
    terminated = create(client)["id"]
    client.post(f"/v1/sessions/{terminated}/archive")

    def listed(**query: Any) -> list[str]:
        response = client.get("/v1/sessions", params=query)
        assert response.status_code == 200, response.text
        return [session["id"] for session in response.json()["data"]]

    assert listed() == [rescheduling, running, idle]
    assert listed(order="asc") == [idle, running, rescheduling]
    assert listed(include_archived=True) == [terminated, rescheduling, running, idle]
    for status, session_id in {"idle": idle, "running": running, "rescheduling": rescheduling}.items():
        assert listed(**{"statuses[]": status}) == [session_id]
    assert listed(**{"statuses[]": ["running", "rescheduling"]}) == [rescheduling, running]
    assert listed(**{"statuses[]": ["terminated", "idle"]}) == [terminated, idle]
    assert listed(agent_id="agent_default") == listed()
    assert listed(agent_id="agent_other") == []
    assert listed(**{"created_at[gt]": "2100-01-01T00:00:00Z"}) == []


def test_listing_by_user_and_page(client: TestClient) -> None:
    made = [create(client, user_id="u")["id"] for _ in range(5)]
    create(client, user_id="v")
    for order, expected in (("asc", made), ("desc", made[::-1])):
        seen: list[str] = []
        query: dict[str, Any] = {"user_id": "u", "limit": 2, "order": order}
        while True:
            body = client.get("/v1/sessions", params=query).json()
            seen += [session["id"] for session in body["data"]]
            if body["next_page"] is None:
                break
            query["page"] = body["next_page"]
        assert seen == expected


def test_archiving_cancels_what_was_not_done(client: TestClient) -> None:
    session = create(client, initial_events=[said("one")])
    archived = client.post(f"/v1/sessions/{session['id']}/archive").json()
    assert (archived["archive_reason"], archived["status"]) == ("user", "terminated")
    assert archived["archived_at"] is not None
    [task] = client.get("/v1/tasks", params={"session_id": session["id"]}).json()["data"]
    assert task["status"] == "cancelled"
    assert client.post(f"/v1/sessions/{session['id']}/archive").json()["status"] == "terminated"
    refused = client.post("/v1/tasks", json={"prompt": "x", "session_id": session["id"]})
    assert refused.status_code == 400
    assert refused.json()["error"]["details"]["error_code"] == "session_closed"


def test_a_deleted_session_is_gone_with_all_that_was_in_it(client: TestClient, worker: Worker) -> None:
    session = create(client, initial_events=[said("one")])
    worker.answer(session["id"])
    [task] = client.get("/v1/tasks", params={"session_id": session["id"]}).json()["data"]
    deleted = client.delete(f"/v1/sessions/{session['id']}")
    assert deleted.json() == {"id": session["id"], "type": "session_deleted"}
    for path in ("", "/events", "/events/stream", "/messages"):
        assert client.get(f"/v1/sessions/{session['id']}{path}").status_code == 404
    assert client.get(f"/v1/tasks/{task['id']}").status_code == 404
    assert client.post(f"/v1/tasks/{task['id']}/cancel").status_code == 404
    assert client.get("/v1/tasks").json()["data"] == []
    assert client.get("/v1/sessions", params={"include_archived": True}).json()["data"] == []
    assert client.delete(f"/v1/sessions/{session['id']}").status_code == 404


def test_the_ledger_is_read_from_its_beginning(client: TestClient, worker: Worker) -> None:
    session = create(client, initial_events=[said("one"), said("two")])
    worker.answer(session["id"], "1", "sevt_a")
    begin = client.get(f"/v1/sessions/{session['id']}/messages", params={"limit": 1}).json()
    assert [message["role"] for message in begin["data"]] == ["user"]
    rest = client.get(f"/v1/sessions/{session['id']}/messages", params={"page": begin["next_page"]}).json()
    assert rest["next_page"] is None
    [answer] = rest["data"]
    assert (answer["role"], answer["content"], answer["stop_reason"], answer["id"], answer["seq"]) == (
        "assistant",
        [{"type": "text", "text": "1"}],
        "end_turn",
        "msg_1",
        2,
    )
