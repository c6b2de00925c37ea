"""`/v1/tasks`: what is submitted, shown, listed, cancelled and run again."""

import time
from datetime import UTC, datetime, timedelta
from threading import Timer
from typing import Any

import pytest
from starlette.testclient import TestClient

from overnight.store.database import Database
from tests.api.support import MODEL, Worker


def submit(client: TestClient, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/tasks", json={"prompt": "Hello", **body})
    assert response.status_code == 202, response.text
    task: dict[str, Any] = response.json()
    return task


def test_a_prompt_makes_a_session_and_a_task(client: TestClient) -> None:
    response = client.post("/v1/tasks", json={"prompt": "Hello", "user_id": "u1", "metadata": {"a": "b"}})
    task = response.json()
    assert response.headers["location"] == f"/v1/tasks/{task['id']}"
    assert task == {
        "id": task["id"],
        "type": "task",
        "session_id": task["session_id"],
        "status": "queued",
        "wait_reason": None,
        "due_at": None,
        "attempts": 0,
        "steps": 0,
        "max_steps": None,
        "deadline": None,
        "priority": "interactive",
        "budget": None,
        "progress": None,
        "pending": [],
        "output": None,
        "error": None,
        "stop_reason": None,
        "usage": {
            "input_tokens": 0,
            "output_tokens": 0,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
        },
        "cost_usd": 0.0,
        "agent": None,
        "user_id": "u1",
        "metadata": {"a": "b"},
        "created_at": task["created_at"],
        "started_at": None,
        "finished_at": None,
        "queue_position": 0,
    }
    assert client.get(response.headers["location"]).json() == {k: v for k, v in task.items() if k != "queue_position"}
    session = client.get(f"/v1/sessions/{task['session_id']}").json()
    assert (session["status"], session["user_id"]) == ("running", "u1")


def test_tasks_of_a_session_queue_up(client: TestClient) -> None:
    first = submit(client)
    second = submit(client, session_id=first["session_id"])
    third = submit(client, session_id=first["session_id"])
    assert [task["queue_position"] for task in (first, second, third)] == [0, 1, 2]
    assert len({task["session_id"] for task in (first, second, third)}) == 1


def test_model_system_and_so_on_shape_the_new_session(client: TestClient) -> None:
    task = submit(client, model=MODEL, system="Be brief.", max_tokens=77, title="A title", context_key="chat-1")
    session = client.get(f"/v1/sessions/{task['session_id']}").json()
    assert session["model"] == MODEL
    assert session["agent"]["model"] == {"id": MODEL}
    assert session["agent"]["system"] == "Be brief."
    assert (session["max_tokens"], session["title"], session["context_key"]) == (77, "A title", "chat-1")


def test_a_context_key_finds_its_open_session(client: TestClient) -> None:
    first = submit(client, context_key="chat-1", model=MODEL)
    second = submit(client, context_key="chat-1", model="another-model")
    other = submit(client, context_key="chat-2")
    assert second["session_id"] == first["session_id"] != other["session_id"]
    assert client.get(f"/v1/sessions/{first['session_id']}").json()["model"] == MODEL
    client.post(f"/v1/sessions/{first['session_id']}/archive")
    assert submit(client, context_key="chat-1")["session_id"] != first["session_id"]


def test_content_blocks_are_kept_as_they_are(client: TestClient) -> None:
    content = [
        {"type": "text", "text": "Look: é 😀"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}, "context": "c"},
    ]
    response = client.post("/v1/tasks", json={"content": content})
    assert response.status_code == 202, response.text
    events = client.get(f"/v1/sessions/{response.json()['session_id']}/events").json()
    assert events["data"][0]["content"] == content


def test_not_before_makes_a_task_wait(client: TestClient) -> None:
    due = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    task = submit(client, not_before=due.isoformat())
    assert (task["status"], task["wait_reason"]) == ("waiting", "scheduled")
    assert datetime.fromisoformat(task["due_at"]) == due
    past = submit(client, not_before="2020-01-01T00:00:00+01:00")
    assert past["status"] == "queued"


def test_a_finished_task_tells_its_output_usage_and_cost(client: TestClient, worker: Worker) -> None:
    task = submit(client, model=MODEL)
    worker.answer(task["session_id"], "Forty-two.")
    done = client.get(f"/v1/tasks/{task['id']}").json()
    assert (done["status"], done["output"], done["stop_reason"], done["steps"]) == (
        "succeeded",
        "Forty-two.",
        "end_turn",
        1,
    )
    assert done["usage"]["input_tokens"] == 1_000
    assert done["usage"]["output_tokens"] == 200
    assert done["cost_usd"] == pytest.approx(0.002)
    assert done["started_at"] <= done["finished_at"]


def test_the_cost_of_an_unlisted_model_is_unknown(client: TestClient, module_database: Database) -> None:
    task = submit(client)
    with module_database.write() as connection:
        connection.exec_driver_sql(f"UPDATE tasks SET cost_nanousd = NULL WHERE id = '{task['id']}'")
        connection.exec_driver_sql(f"UPDATE sessions SET cost_nanousd = NULL WHERE id = '{task['session_id']}'")
    assert client.get(f"/v1/tasks/{task['id']}").json()["cost_usd"] is None
    session = client.get(f"/v1/sessions/{task['session_id']}").json()
    assert session["usage"]["list_cost"] is None


def test_waiting_ends_when_the_task_does(client: TestClient, worker: Worker) -> None:
    task = submit(client)
    timer = Timer(0.3, worker.answer, [task["session_id"]])
    timer.start()
    began = time.monotonic()
    done = client.get(f"/v1/tasks/{task['id']}", params={"wait": 30}).json()
    timer.join()
    assert done["status"] == "succeeded"
    assert time.monotonic() - began < 15


def test_waiting_ends_when_the_task_waits_for_something(client: TestClient, worker: Worker) -> None:
    task = submit(client)
    worker.park(task["session_id"])
    waiting = client.get(f"/v1/tasks/{task['id']}", params={"wait": 60}).json()
    assert (waiting["status"], waiting["wait_reason"]) == ("waiting", "retry")
    assert waiting["error"] == {"type": "overloaded_error", "message": "busy"}
    assert waiting["due_at"] > waiting["created_at"]


def test_waiting_ends_when_time_is_up(client: TestClient) -> None:
    task = submit(client)
    began = time.monotonic()
    assert client.get(f"/v1/tasks/{task['id']}", params={"wait": 0.5}).json()["status"] == "queued"
    assert 0.4 < time.monotonic() - began < 10


def test_tasks_are_listed_newest_first_by_what_one_asks_for(client: TestClient, worker: Worker) -> None:
    a = submit(client, user_id="ann")
    b = submit(client, user_id="bob", session_id=a["session_id"])
    c = submit(client, user_id="bob")
    worker.answer(a["session_id"])

    def ids(**query: Any) -> list[str]:
        response = client.get("/v1/tasks", params=query)
        assert response.status_code == 200, response.text
        return [task["id"] for task in response.json()["data"]]

    assert ids() == [c["id"], b["id"], a["id"]]
    assert ids(session_id=a["session_id"]) == [b["id"], a["id"]]
    assert ids(user_id="bob") == [c["id"], b["id"]]
    assert ids(**{"statuses[]": "succeeded"}) == [a["id"]]
    assert set(ids(**{"statuses[]": ["succeeded", "queued"]})) == {a["id"], b["id"], c["id"]}
    assert ids(session_id="sesn_none") == []


def test_lists_are_bounded_by_time_to_the_microsecond(client: TestClient, module_database: Database) -> None:
    tasks = [submit(client) for _ in range(3)]
    at = "2026-03-01T12:00:00.50000{}Z"
    for place, task in enumerate(tasks):
        with module_database.write() as connection:
            moment = f"2026-03-01 12:00:00.50000{place}{'' if module_database.is_sqlite else '+00'}"
            connection.exec_driver_sql(f"UPDATE tasks SET created_at = '{moment}' WHERE id = '{task['id']}'")

    def found(**query: str) -> list[int]:
        names = {f"created_at[{name}]": value for name, value in query.items()}
        data = client.get("/v1/tasks", params=names).json()["data"]
        return sorted([task["id"] for task in tasks].index(row["id"]) for row in data)

    assert found(gte=at.format(1)) == [1, 2]
    assert found(gt=at.format(1)) == [2]
    assert found(lte=at.format(1)) == [0, 1]
    assert found(lt=at.format(1)) == [0]
    assert found(gt=at.format(0), lt=at.format(2)) == [1]


def test_paging_shows_every_task_once(client: TestClient) -> None:
    made = [submit(client)["id"] for _ in range(7)]
    seen: list[str] = []
    page: str | None = None
    while True:
        body = client.get("/v1/tasks", params={"limit": 3, **({"page": page} if page else {})}).json()
        seen += [task["id"] for task in body["data"]]
        page = body["next_page"]
        if page is None:
            break
    assert seen == made[::-1]


def test_cancelling(client: TestClient, worker: Worker) -> None:
    first, second = (task := submit(client)), submit(client, session_id=task["session_id"])
    cancelled = client.post(f"/v1/tasks/{second['id']}/cancel").json()
    assert cancelled["status"] == "cancelled"
    assert cancelled["finished_at"] is not None
    assert client.post(f"/v1/tasks/{second['id']}/cancel").json()["status"] == "cancelled"
    turn = worker.begin(first["session_id"])
    assert client.post(f"/v1/tasks/{first['id']}/cancel").json()["status"] == "running"
    worker.succeed(turn)
    refused = client.post(f"/v1/tasks/{first['id']}/cancel")
    assert refused.status_code == 400
    assert refused.json()["error"]["details"]["error_code"] == "illegal_move"


def test_only_a_failed_task_is_run_again(client: TestClient, worker: Worker) -> None:
    task = submit(client)
    assert client.post(f"/v1/tasks/{task['id']}/retry").status_code == 400
    worker.fail(task["session_id"])
    failed = client.get(f"/v1/tasks/{task['id']}").json()
    assert failed["error"] == {"type": "invalid_request_error", "message": "no"}
    again = client.post(f"/v1/tasks/{task['id']}/retry").json()
    assert (again["status"], again["error"], again["finished_at"]) == ("queued", None, None)
    worker.answer(task["session_id"])
    assert client.get(f"/v1/tasks/{task['id']}").json()["status"] == "succeeded"
