"""Sessions as files, over HTTP."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.support import Worker


def talk(client: TestClient, worker: Worker) -> str:
    session_id = str(client.post("/v1/tasks", json={"prompt": "Go.", "context_key": "desk"}).json()["session_id"])
    worker.answer(session_id)
    return session_id


def exported(client: TestClient, session_id: str) -> dict[str, Any]:
    answer = client.get(f"/v1/sessions/{session_id}/export")
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)
    return dict(answer.json())


def test_a_session_goes_out_and_into_another_workspace(client: TestClient, worker: Worker, api: Any) -> None:
    file = exported(client, talk(client, worker))
    theirs = api.new_client()
    answer = theirs.post("/v1/sessions/import", json=file)
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert answer.headers["location"] == f"/v1/sessions/{made['id']}"
    assert (made["context_key"], made["status"]) == ("desk", "idle")
    again = theirs.get(f"/v1/sessions/{made['id']}/messages").json()["data"]
    assert [row["content"] for row in again] == [row["content"] for row in file["messages"]]
    assert client.get(f"/v1/sessions/{made['id']}").status_code == 404
    told = theirs.get(f"/v1/sessions/{made['id']}/events").json()["data"][-1]
    assert (told["type"], told["session_id"]) == ("session.imported", file["session"]["id"])
    task = theirs.post("/v1/tasks", json={"prompt": "Go on.", "session_id": made["id"]})
    assert task.status_code == 202
    theirs.delete(f"/v1/sessions/{made['id']}")
    theirs.close()


def test_the_agent_s_tools_come_along_and_are_looked_at_as_if_they_were_new(
    client: TestClient, worker: Worker, api: Any
) -> None:
    look_up = {"type": "custom", "name": "look_up", "description": "Looks up.", "input_schema": {"type": "object"}}
    server = {"type": "url", "name": "wiki", "url": "http://127.0.0.1:1/mcp"}
    tools = [look_up, {"type": "agent_toolset_20260401"}, {"type": "mcp_toolset", "mcp_server_name": "wiki"}]
    agent = client.post("/v1/agents", json={"name": "x", "model": "m", "tools": tools, "mcp_servers": [server]}).json()
    session = client.post("/v1/sessions", json={"agent": agent["id"]}).json()
    client.post(f"/v1/sessions/{session['id']}", json={"agent": {"tools": [look_up], "mcp_servers": []}})
    file = exported(client, session["id"])
    theirs = api.new_client()
    made = theirs.post("/v1/sessions/import", json=file)
    assert made.status_code == 200, made.text
    assert made.json()["agent"]["tools"] == client.get(f"/v1/sessions/{session['id']}").json()["agent"]["tools"]
    copied = theirs.get(f"/v1/agents/{made.json()['agent']['id']}").json()
    assert (copied["tools"], copied["mcp_servers"]) == (agent["tools"], agent["mcp_servers"])
    for change, complaint in (
        ({"tools": [{"type": "x"}]}, "agent.tools.0"),
        ({"mcp_servers": []}, "agent."),
        ({"history": {"type": "none"}}, "agent.history.type"),
    ):
        wrong = client.post("/v1/sessions/import", json={**file, "agent": {**file["agent"], **change}})
        assert wrong.status_code == 400, wrong.text
        assert wrong.json()["error"]["message"].startswith(complaint)
    theirs.close()


def test_a_repeated_import_answers_as_the_first(client: TestClient, worker: Worker) -> None:
    file = exported(client, talk(client, worker))
    first, again = (client.post("/v1/sessions/import", json=file, headers={"idempotency-key": "i"}) for _ in range(2))
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format": "chat.export"}, "format: is none of ours; give a file that Overnight has exported"),
        ({"version": 7}, "version: is 7, and this Overnight reads 1; bring it up to date"),
        ({"messages": [{"seq": 1}]}, "messages.0.task_id: is required"),
        ({"messages": []}, "messages: ends at 0, but the session says 2: the file is not whole; export it again"),
        ({"chats": []}, "chats: is not a known field; leave it out"),
    ],
)
def test_a_bad_file_gets_one_error_that_names_the_place_and_nothing_is_written(
    client: TestClient, worker: Worker, change: dict[str, Any], complaint: str
) -> None:
    file = exported(client, talk(client, worker))
    before = client.get("/v1/sessions").json()["data"]
    answer = client.post("/v1/sessions/import", json={**file, **change})
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, complaint)
    assert client.get("/v1/sessions").json()["data"] == before
    foreign = client.post("/v1/sessions/import", json={"conversations": []}).json()["error"]["message"]
    assert "is required" in foreign


def test_nobody_takes_another_workspace_s_session_away(client: TestClient, worker: Worker, api: Any) -> None:
    session_id = talk(client, worker)
    theirs = api.new_client()
    assert theirs.get(f"/v1/sessions/{session_id}/export").status_code == 404
    theirs.close()


def test_a_file_may_be_larger_than_other_bodies(client: TestClient, worker: Worker) -> None:
    file = exported(client, talk(client, worker))
    file["tasks"][0]["output"] = "w" * 5_000_000
    assert client.post("/v1/sessions/import", json=file).status_code == 200
    assert client.post("/v1/tasks", json={"prompt": "w" * 5_000_000}).status_code == 413
