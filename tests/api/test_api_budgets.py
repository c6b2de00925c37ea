"""Budgets of tasks, users and workspaces over HTTP; what a raise lets go on; and what a task would cost."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from overnight.expiry import Limits
from overnight.models import Task
from overnight.store import budgets, leases, tasks
from overnight.store.database import Database
from tests.api.support import Worker

#: Of the worker's replies: 1,000 tokens in and 200 out, by claude-haiku-4-5.
COST = 0.002


def task(client: TestClient, **body: Any) -> dict[str, Any]:
    model = {} if "session_id" in body else {"model": "claude-haiku-4-5"}
    answer = client.post("/v1/tasks", json={"prompt": "Go.", **model, **body})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def budget(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/v1/budgets", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def refused(client: TestClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(path, json=body)
    assert answer.status_code == 400, answer.text
    return dict(answer.json()["error"])


def look(database: Database, session_id: str) -> Task:
    """A worker takes the session and looks whether it may begin."""
    with database.write() as connection:
        lease = leases.acquire(connection, session_id, "worker#1", 60)
        head = tasks.head(connection, session_id)
        assert lease is not None
        assert head is not None
        budgets.begin(connection, lease, head, Limits(0, 0, 0))
        return tasks.get(connection, lease.workspace_id, head.id)


def test_a_budget_from_its_making_to_its_end(client: TestClient, worker: Worker) -> None:
    worker.answer(task(client)["session_id"])
    made = budget(client, max_usd=1.5, period="month")
    assert made["id"].startswith("bdgt_")
    assert (made["user_id"], made["max_usd"], made["max_tokens"]) == (None, 1.5, None)
    assert (made["spent_usd"], made["spent_tokens"]) == (COST, 1_200)
    assert made["renews_at"].endswith("-01T00:00:00Z")
    of_ann = budget(client, user_id="ann", max_tokens=10)
    assert (of_ann["period"], of_ann["renews_at"], of_ann["spent_tokens"]) == ("total", None, 0)
    path = f"/v1/budgets/{made['id']}"
    assert client.get(path).json() == made
    assert [one["id"] for one in client.get("/v1/budgets").json()["data"]] == [of_ann["id"], made["id"]]
    assert [one["id"] for one in client.get("/v1/budgets?user_id=ann").json()["data"]] == [of_ann["id"]]
    changed = client.post(path, json={"max_tokens": 7}).json()
    assert (changed["max_usd"], changed["max_tokens"]) == (1.5, 7)
    assert client.post(path, json={"max_usd": None}).json()["max_usd"] is None
    assert "no limit would be left" in refused(client, path, {"max_tokens": None})["message"]
    assert client.delete(path).json() == {"id": made["id"], "type": "budget_deleted"}
    for answer in (client.get(path), client.post(path, json={}), client.delete(path)):
        assert answer.status_code == 404


def test_a_second_budget_of_a_kind_is_refused_with_the_first_one_s_id(client: TestClient) -> None:
    first = budget(client, max_usd=1)
    error = refused(client, "/v1/budgets", {"max_usd": 2})
    assert f"POST /v1/budgets/{first['id']}" in error["message"]
    assert error["details"]["field"] == "period"


def test_a_repeated_creation_answers_as_the_first(client: TestClient) -> None:
    first = client.post("/v1/budgets", json={"max_usd": 1}, headers={"idempotency-key": "b"})
    again = client.post("/v1/budgets", json={"max_usd": 1}, headers={"idempotency-key": "b"})
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"


def test_one_call_lets_all_go_on_who_wait_for_a_budget(client: TestClient, module_database: Database) -> None:
    made = budget(client, max_usd=0.000_001)
    ids = [task(client, prompt="Go on, please.")["session_id"] for _ in range(3)]
    held = [look(module_database, session_id) for session_id in ids]
    shown = client.get(f"/v1/tasks/{held[0].id}").json()
    assert (shown["status"], shown["wait_reason"], shown["due_at"]) == ("waiting", "budget", None)
    assert shown["error"]["budget"]["id"] == made["id"]
    assert "reached: $0.0000 of $0.0000 are spent and the next request takes about $0.0000" in shown["error"]["message"]
    raised = client.post(f"/v1/budgets/{made['id']}", json={"max_usd": 100}).json()
    assert raised["max_usd"] == 100
    for one in held:
        assert client.get(f"/v1/tasks/{one.id}").json()["due_at"] is not None
    assert {look(module_database, session_id).status for session_id in ids} == {"running"}


def test_a_task_has_a_budget(client: TestClient, module_database: Database) -> None:
    made = task(client, budget={"max_tokens": 1, "max_usd": 0.5})
    assert made["budget"] == {"max_usd": 0.5, "max_tokens": 1}
    # Its prompt alone would fit: "Go." is taken for one token.
    made = task(client, budget={"max_usd": 0.000_001}, system="Be brief. " * 100)
    assert look(module_database, made["session_id"]).wait_reason == "budget"
    path = f"/v1/tasks/{made['id']}"
    raised = client.post(path, json={"budget": {"max_usd": 0.25}}).json()
    assert raised["budget"] == {"max_usd": 0.25, "max_tokens": None}
    assert raised["due_at"] is not None
    assert client.post(path, json={"budget": None}).json()["budget"] is None
    assert client.post(path, json={}).json()["error"]["details"]["field"] == "budget"
    client.post(f"{path}/cancel")
    assert "already cancelled" in refused(client, path, {"budget": {"max_usd": 1}})["message"]


def test_a_session_may_have_a_budget_in_tokens(client: TestClient, worker: Worker) -> None:
    hello = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}
    wish = {"type": "limit", "max_tokens": 5_000}
    made = client.post("/v1/sessions", json={"budget": wish, "initial_events": [hello]}).json()
    assert made["budget"] == wish
    worker.answer(made["id"])
    path = f"/v1/sessions/{made['id']}"
    low = refused(client, path, {"budget": {"type": "limit", "max_tokens": 1_200}})
    assert low["message"] == "budget.max_tokens: the session has used 1,200 tokens; give more than that"
    both = {"type": "limit", "max_list_cost": {"amount": "25", "currency": "USD"}, "max_tokens": 1_201}
    assert client.post(path, json={"budget": both}).json()["budget"] == both


def test_nobody_sees_or_changes_another_workspace_s_budgets(client: TestClient, api: Any) -> None:
    made = budget(client, max_usd=1)
    theirs = api.new_client()
    for answer in (
        theirs.get(f"/v1/budgets/{made['id']}"),
        theirs.post(f"/v1/budgets/{made['id']}", json={"max_usd": 9}),
        theirs.delete(f"/v1/budgets/{made['id']}"),
    ):
        assert answer.status_code == 404
    assert made["id"] not in [one["id"] for one in theirs.get("/v1/budgets").json()["data"]]
    theirs.close()


def estimate(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/v1/tasks", json={"prompt": "x" * 4_000, "dry_run": True, **body})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_dry_run_stores_nothing_and_tells_what_it_would_take(client: TestClient, worker: Worker) -> None:
    told = estimate(client, model="claude-haiku-4-5", context_key="new")
    assert told == {
        "type": "task_estimate",
        "session_id": None,
        "model": "claude-haiku-4-5",
        "queue_position": 0,
        "input_tokens": 1_000,
        "output_tokens": 400,
        "cost_usd": pytest.approx((1_000 * 1 + 400 * 5) / 1e6),
        "usual": None,
    }
    assert client.get("/v1/tasks").json()["data"] == []
    assert client.get("/v1/sessions").json()["data"] == []
    session_id = task(client)["session_id"]
    worker.answer(session_id)
    told = estimate(client, session_id=session_id)
    assert (told["session_id"], told["queue_position"]) == (session_id, 0)
    assert (told["input_tokens"], told["output_tokens"]) == (2_200, 200), "what was said, the reply to it, and this"
    usual = {"tasks": 1, "requests": 1.0, "input_tokens": 1_000, "output_tokens": 200, "cost_usd": COST}
    assert told["usual"] == usual
    task(client, session_id=session_id)
    assert estimate(client, session_id=session_id)["queue_position"] == 1
    assert estimate(client, model="some-model")["cost_usd"] is None
    assert estimate(client, model="claude-haiku-4-5")["output_tokens"] == 200, "as is usual"
    assert estimate(client, max_tokens=50)["output_tokens"] == 50


def test_a_dry_run_refuses_what_submitting_would(client: TestClient) -> None:
    for wrong, code in (
        ({"session_id": "sesn_1"}, 404),
        ({"agent": "agent_x"}, 400),
        ({"environment_id": "env_x"}, 400),
    ):
        refusals = [
            client.post("/v1/tasks", json={"prompt": "x", "dry_run": dry_run, **wrong}) for dry_run in (True, False)
        ]
        messages = [answer.json()["error"]["message"] for answer in refusals]
        assert messages[0] == messages[1]
        assert {answer.status_code for answer in refusals} == {code}
    made = task(client)
    client.post(f"/v1/sessions/{made['session_id']}/archive")
    assert (
        "is archived"
        in refused(client, "/v1/tasks", {"prompt": "x", "dry_run": True, "session_id": made["session_id"]})["message"]
    )
