"""Pause, fork, snapshots, finding and changing sessions, and agents that take turns in one, over HTTP."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.support import Worker

SESSIONS = "/v1/sessions"


def session(client: TestClient, **fields: Any) -> dict[str, Any]:
    made = client.post(SESSIONS, json=fields)
    assert made.status_code == 200, made.text
    return dict(made.json())


def task(client: TestClient, **fields: Any) -> dict[str, Any]:
    made = client.post("/v1/tasks", json={"prompt": "Go.", **fields})
    assert made.status_code == 202, made.text
    return dict(made.json())


def found(client: TestClient, **query: Any) -> list[str]:
    listed = client.get(SESSIONS, params=query)
    assert listed.status_code == 200, listed.text
    return [one["title"] for one in listed.json()["data"]]


def post(client: TestClient, path: str, body: Any = None, status: int = 200) -> dict[str, Any]:
    answer = client.post(f"{SESSIONS}/{path}", json=body)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


def test_a_paused_session_takes_tasks_and_goes_on(client: TestClient, worker: Worker) -> None:
    session_id = session(client)["id"]
    assert post(client, f"{session_id}/pause")["state"] == "paused"
    queued = task(client, session_id=session_id)
    assert post(client, f"{session_id}/pause")["status"] == "rescheduling"
    resumed = post(client, f"{session_id}/resume")
    assert (resumed["state"], resumed["status"], resumed["paused_at"]) == ("running", "running", None)
    worker.answer(session_id)
    assert client.get(f"/v1/tasks/{queued['id']}").json()["status"] == "succeeded"
    post(client, f"{session_id}/archive")
    refused = post(client, f"{session_id}/resume", status=400)
    assert refused["error"]["details"]["error_code"] == "session_closed"
    assert post(client, "sesn_0/pause", status=404)["error"]["type"] == "not_found_error"


def test_a_fork_tells_where_it_comes_from(client: TestClient, worker: Worker) -> None:
    parent = session(client, title="One", metadata={"a": "b"}, context_key="K")
    task(client, session_id=parent["id"])
    worker.answer(parent["id"])
    made = post(client, f"{parent['id']}/fork", {"title": "Two", "context_key": "L"})
    assert (made["forked_from"], made["forked_at"], made["title"], made["context_key"]) == (parent["id"], 2, "Two", "L")
    assert (made["metadata"], made["message_count"], made["cost_usd"]) == ({"a": "b"}, 2, 0)
    assert post(client, f"{parent['id']}/fork", {"at": 1})["message_count"] == 0
    assert found(client, forked_from=parent["id"], title="two") == ["Two"]
    said = [client.get(f"{SESSIONS}/{one}/messages").json()["data"] for one in (parent["id"], made["id"])]
    assert said[0] == said[1]
    for body, complaint in (
        ({"at": 9}, "at: "),
        ({"at": 0}, "at"),
        ({"at": "sevt_0"}, "at: "),
        ({"to": 1}, "to: "),
        ({"context_key": "K"}, "context_key: "),
    ):
        assert complaint in post(client, f"{parent['id']}/fork", body, 400)["error"]["message"]


def test_an_idempotent_fork_is_one(client: TestClient) -> None:
    parent = session(client)["id"]
    twice = [client.post(f"{SESSIONS}/{parent}/fork", headers={"Idempotency-Key": "f"}).json() for _ in range(2)]
    assert twice[0]["id"] == twice[1]["id"]


def test_snapshots_are_taken_listed_restored_and_compared(client: TestClient, worker: Worker) -> None:
    session_id = session(client)["id"]
    first = post(client, f"{session_id}/snapshots", {"name": "empty"})
    task(client, session_id=session_id)
    worker.answer(session_id)
    second = post(client, f"{session_id}/snapshots", {"name": "answered"})
    assert "name: " in post(client, f"{session_id}/snapshots", {"name": "empty"}, 400)["error"]["message"]
    base = f"{SESSIONS}/{session_id}/snapshots"
    page = client.get(base, params={"limit": 1}).json()
    rest = client.get(base, params={"page": page["next_page"]}).json()
    assert [one["id"] for one in page["data"] + rest["data"]] == [second["id"], first["id"]]
    made = post(client, f"{session_id}/snapshots/answered/restore", {"title": "Back"})
    assert (made["title"], made["forked_at"]) == ("Back", 2)
    told = client.get(f"{base}/{first['id']}/compare", params={"with": made["id"]}).json()
    assert told["common"] == {"session_id": session_id, "at": 0}
    assert (told["snapshot"]["messages"], told["other"]["messages"]) == (0, 2)
    same = client.get(f"{base}/{first['id']}/compare", params={"with": second["id"]}).json()
    assert (same["other"]["usage"]["output_tokens"], same["other"]["cost_usd"]) == (200, pytest.approx(0.002))
    assert client.delete(f"{base}/{first['id']}").json() == {"id": first["id"], "type": "snapshot_deleted"}
    assert client.get(f"{base}/{first['id']}").status_code == 404


def test_sessions_are_found_by_what_they_are(client: TestClient, worker: Worker) -> None:
    plan = session(client, title="Plan 100%", metadata={"team": "a", "kind": "x"}, user_id="u", context_key="K")
    session(client, title="plan_b", metadata={"team": "b"})
    gone = session(client, title="Old", metadata={"team": "a"})
    post(client, f"{gone['id']}/archive")
    assert found(client, title="PLAN") == ["plan_b", "Plan 100%"]
    assert found(client, title="0%") == ["Plan 100%"]
    assert found(client, title="n_") == ["plan_b"]
    assert found(client, **{"metadata[]": "team"}) == ["plan_b", "Plan 100%"]
    assert found(client, **{"metadata[]": ["team=a", "kind"]}) == ["Plan 100%"]
    assert found(client, **{"metadata[]": "team=a", "states[]": ["archived", "idle"]}) == ["Old", "Plan 100%"]
    assert found(client, user_id="u", context_key="K") == ["Plan 100%"]
    changed = post(client, plan["id"], {"metadata": {"team": None, "who": "c"}, "notes": "N", "user_id": "v"})
    assert (changed["notes"], changed["user_id"], changed["metadata"]) == ("N", "v", {"kind": "x", "who": "c"})
    assert found(client, **{"metadata[]": "team"}) == ["plan_b"]
    assert found(client, **{"metadata[]": "who=c"}) == ["Plan 100%"]
    assert found(client, **{"last_active_at[gte]": changed["last_active_at"]}) in (
        ["Plan 100%"],
        ["plan_b", "Plan 100%"],
    )
    assert found(client, **{"last_active_at[lt]": plan["created_at"]}) == []
    refused = client.get(SESSIONS, params={"states[]": "asleep"})
    assert (refused.status_code, "states[]" in refused.text) == (400, True)


@pytest.mark.parametrize("state", ["running", "waiting", "paused", "pausing", "idle", "archived"])
def test_each_state_is_told_and_found(client: TestClient, worker: Worker, state: str) -> None:
    session_id = session(client, title=state)["id"]
    if state != "idle":
        task(client, session_id=session_id)
    if state == "waiting":
        worker.park(session_id)
    if state == "pausing":
        worker.begin(session_id)
    if state.startswith("paus"):
        post(client, f"{session_id}/pause")
    if state == "archived":
        post(client, f"{session_id}/archive")
    shown = client.get(f"{SESSIONS}/{session_id}").json()
    assert (shown["state"], shown["wait_reason"]) == (state, "retry" if state == "waiting" else None)
    assert shown["duration_seconds"] >= 0
    assert (shown["expires_at"] is not None) == (state == "idle")
    every = {"idle", "running", "waiting", "paused", "pausing", "archived"}
    assert found(client, **{"states[]": state}) == [state]
    assert found(client, **{"states[]": sorted(every - {state})}) == []


def test_a_context_key_is_one_open_session_of_each_agent(client: TestClient) -> None:
    agents = [client.post("/v1/agents", json={"name": name, "model": "claude-haiku-4-5"}).json()["id"] for name in "ab"]
    ids = [task(client, context_key="T", agent=agent)["session_id"] for agent in agents]
    assert task(client, context_key="T", agent=agents[0])["session_id"] == ids[0] != ids[1]
    refused = client.post("/v1/tasks", json={"prompt": "Go.", "context_key": "T"})
    assert (refused.status_code, refused.json()["error"]["message"].startswith("agent: ")) == (400, True)
    other = session(client, agent=agents[0])["id"]
    assert "context_key: " in post(client, other, {"context_key": "T"}, 400)["error"]["message"]
    assert post(client, other, {"context_key": "U"})["context_key"] == "U"


def test_a_task_names_the_agent_whose_turn_it_is(client: TestClient) -> None:
    agent = client.post("/v1/agents", json={"name": "critic", "model": "claude-haiku-4-5"}).json()["id"]
    session_id = session(client)["id"]
    assert task(client, session_id=session_id, agent=agent)["agent"] == {"id": agent, "version": 1}
    assert task(client, session_id=session_id, agent="agent_default")["agent"] is None
    for named in ("agent_none", {"type": "agent_with_overrides", "id": agent, "system": "Be kind."}):
        refused = client.post("/v1/tasks", json={"prompt": "Go.", "session_id": session_id, "agent": named})
        assert (refused.status_code, refused.json()["error"]["message"].startswith("agent: ")) == (400, True)
    dry = client.post("/v1/tasks", json={"prompt": "Go.", "session_id": session_id, "agent": agent, "dry_run": True})
    assert dry.json()["model"] == "claude-haiku-4-5"


def test_a_pause_is_told(client: TestClient) -> None:
    session_id = session(client)["id"]
    post(client, f"{session_id}/pause")
    post(client, f"{session_id}/resume")
    told = client.get(f"{SESSIONS}/{session_id}/events").json()["data"]
    assert [event["type"] for event in told] == ["session.paused", "session.resumed"]
