"""A task's own limits: given when it is submitted, raised when it is run again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.support import Worker

AGENT = {"name": "short", "model": "claude-haiku-4-5", "limits": {"max_steps": 3}}


def submit(client: TestClient, status: int = 202, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/tasks", json={"prompt": "Hello", **body})
    assert response.status_code == status, response.text
    answer: dict[str, Any] = response.json()
    return answer


def retry(client: TestClient, task: dict[str, Any], status: int = 200, **body: Any) -> dict[str, Any]:
    response = client.post(f"/v1/tasks/{task['id']}/retry", json=body)
    assert response.status_code == status, response.text
    answer: dict[str, Any] = response.json()
    return answer


def in_(**ahead: float) -> str:
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat()


def test_limits_are_kept_with_the_task(client: TestClient) -> None:
    until = in_(hours=3)
    task = submit(client, max_steps=7, deadline=until)
    assert task["max_steps"] == 7
    assert datetime.fromisoformat(task["deadline"]) == datetime.fromisoformat(until)
    assert client.get(f"/v1/tasks/{task['id']}").json()["deadline"] == task["deadline"]


def test_a_priority_is_kept_with_the_task(client: TestClient) -> None:
    task = submit(client, priority="background")
    assert client.get(f"/v1/tasks/{task['id']}").json()["priority"] == "background"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"priority": "urgent"}, "priority: input should be 'interactive' or 'background'"),
        ({"max_steps": 0}, "max_steps: input should be greater than or equal to 1"),
        ({"max_steps": "7"}, "max_steps: must be a whole number"),
        ({"max_steps": 1.5}, "max_steps: "),
        ({"max_steps": 1_000_001}, "max_steps: input should be less than or equal to 1000000"),
        ({"deadline": "tomorrow"}, "deadline: must be a time with its zone"),
        ({"deadline": "2030-01-01T00:00:00"}, "deadline: must be a time with its zone"),
        ({"deadline": 1_900_000_000}, "deadline: must be a time with its zone"),
        ({"deadline": "2020-01-01T00:00:00Z"}, "deadline: 2020-01-01T00:00:00+00:00 is past, it is 2"),
        ({"deadline": in_(hours=1), "not_before": in_(hours=2)}, "deadline: must be later than not_before"),
    ],
)
def test_bad_limits_are_named(client: TestClient, body: dict[str, Any], told: str) -> None:
    error = submit(client, 400, **body)["error"]
    assert error["message"].startswith(told)
    field = told.split(":", maxsplit=1)[0]
    assert error["details"]["field"] == field


@pytest.mark.parametrize("body", [{"max_steps": 0}, {"deadline": "soon"}, {"steps": 5}])
def test_bad_limits_of_a_retry_are_named(client: TestClient, worker: Worker, body: dict[str, Any]) -> None:
    task = submit(client)
    worker.fail(task["session_id"])
    error = retry(client, task, 400, **body)["error"]
    assert error["details"]["field"] == next(iter(body))
    assert client.get(f"/v1/tasks/{task['id']}").json()["status"] == "failed"


def test_a_task_out_of_steps_goes_on_with_more(client: TestClient, worker: Worker) -> None:
    task = submit(client, max_steps=5)
    worker.exhaust(task["session_id"], steps=5)
    told = "max_steps: the task has taken 5 steps and its limit is 5; give a higher one"
    assert retry(client, task, 400)["error"]["message"].startswith(told)
    assert retry(client, task, 400, max_steps=5)["error"]["message"].startswith(told)
    assert client.get(f"/v1/tasks/{task['id']}").json()["status"] == "failed"
    queued = retry(client, task, max_steps=6)
    assert (queued["status"], queued["max_steps"], queued["steps"], queued["error"]) == ("queued", 6, 5, None)
    worker.answer(task["session_id"])
    assert client.get(f"/v1/tasks/{task['id']}").json()["status"] == "succeeded"


@pytest.mark.parametrize(("named", "most"), [(True, 3), (False, 200)])
def test_the_limit_of_the_agent_counts_where_the_task_has_none(
    client: TestClient, worker: Worker, named: bool, most: int
) -> None:
    chosen = {"agent": client.post("/v1/agents", json=AGENT).json()["id"]} if named else {}
    task = submit(client, **chosen)
    worker.exhaust(task["session_id"], steps=most)
    assert f"its limit is {most}; give a higher one" in retry(client, task, 400)["error"]["message"]
    assert retry(client, task, max_steps=most + 1)["status"] == "queued"


def test_a_task_that_was_late_gets_more_time(client: TestClient, worker: Worker) -> None:
    task = submit(client, deadline=in_(hours=1))
    worker.exhaust(task["session_id"], steps=1, error="deadline_exceeded")
    assert retry(client, task, 400, deadline="2020-01-01T00:00:00Z")["error"]["details"]["field"] == "deadline"
    later = in_(days=2)
    queued = retry(client, task, deadline=later, max_steps=9)
    assert (queued["status"], queued["max_steps"]) == ("queued", 9)
    assert datetime.fromisoformat(queued["deadline"]) == datetime.fromisoformat(later)


def test_a_retry_past_the_deadline_is_refused(client: TestClient, worker: Worker, module_database: Any) -> None:
    task = submit(client, deadline=in_(hours=1))
    worker.fail(task["session_id"])
    past = "2026-01-01 00:00:00.000000" + ("" if module_database.is_sqlite else "+00")
    with module_database.write() as connection:
        connection.exec_driver_sql(f"UPDATE tasks SET deadline = '{past}' WHERE id = '{task['id']}'")
    assert "is past" in retry(client, task, 400)["error"]["message"]
    assert retry(client, task, deadline=in_(hours=1))["status"] == "queued"


def test_what_is_left_out_stays(client: TestClient, worker: Worker) -> None:
    task = submit(client, max_steps=7, deadline=in_(hours=1))
    worker.fail(task["session_id"])
    queued = retry(client, task)
    assert (queued["max_steps"], queued["deadline"]) == (7, task["deadline"])
