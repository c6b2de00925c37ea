"""Who gets in, and that nobody sees what belongs to another."""

from typing import Any

import httpx2
from starlette.testclient import TestClient

from overnight.ids import WORKSPACE, new_id
from overnight.store import keys
from overnight.store.database import Database
from tests.api.support import KEY, until

EVENT = {"type": "user.message", "content": [{"type": "text", "text": "x"}]}


def test_every_way_to_show_a_key(anybody: TestClient) -> None:
    for headers in ({"authorization": f"Bearer {KEY}"}, {"authorization": f"bearer {KEY}"}, {"x-api-key": KEY}):
        assert anybody.get("/v1/tasks", headers=headers).status_code == 200


def test_no_key_no_answer(anybody: TestClient) -> None:
    shown: list[dict[str, str]] = [
        {},
        {"x-api-key": "wrong"},
        {"authorization": f"Basic {KEY}"},
        {"authorization": "Bearer "},
    ]
    for headers in shown:
        for path in ("/v1/tasks", "/v1/sessions/sesn_1", "/v1/nothing"):
            response = anybody.get(path, headers=headers)
            assert response.status_code == 401
            assert response.json()["error"]["type"] == "authentication_error"
        refused = anybody.post("/v1/tasks", content=b"{", headers=headers)
        assert refused.status_code == 401, "the key comes before the body"


def test_probes_and_docs_need_none_and_tell_none(anybody: TestClient) -> None:
    for path in ("/healthz", "/readyz", "/openapi.json", "/docs"):
        response = anybody.get(path)
        assert response.status_code == 200
        assert KEY not in response.text


def test_a_revoked_key_stops_working(anybody: TestClient, module_database: Database) -> None:
    shown = {"x-api-key": keys.new_secret()}
    with module_database.write() as connection:
        key_id = keys.add(connection, "soon gone", shown["x-api-key"])
    assert anybody.get("/v1/tasks", headers=shown).status_code == 200
    with module_database.write() as connection:
        keys.revoke(connection, key_id)
    until(lambda: anybody.get("/v1/tasks", headers=shown).status_code == 401, 5)


def test_another_workspace_sees_nothing_of_this_one(client: TestClient, module_database: Database) -> None:
    other_key = keys.new_secret()
    with module_database.write() as connection:
        keys.add(connection, "other", other_key, new_id(WORKSPACE))

    def stranger(method: str, path: str, body: Any = None) -> httpx2.Response:
        return client.request(method, path, json=body, headers={"x-api-key": other_key})

    task = client.post("/v1/tasks", json={"prompt": "secret", "context_key": "c"}).json()
    session_id, task_id = task["session_id"], task["id"]

    def asked(session_id: str, task_id: str) -> list[tuple[str, str, Any]]:
        session = f"/v1/sessions/{session_id}"
        return [
            ("GET", f"/v1/tasks/{task_id}", None),
            ("POST", f"/v1/tasks/{task_id}/cancel", None),
            ("POST", f"/v1/tasks/{task_id}/retry", None),
            ("GET", session, None),
            ("POST", f"{session}/archive", None),
            ("DELETE", session, None),
            ("GET", f"{session}/messages", None),
            ("GET", f"{session}/events", None),
            ("GET", f"{session}/events/stream", None),
            ("POST", f"{session}/events", {"events": [EVENT]}),
            ("POST", "/v1/tasks", {"prompt": "x", "session_id": session_id}),
        ]

    nowhere = ("sesn_" + "0" * 32, "task_" + "0" * 32)
    for theirs, nobodys in zip(asked(session_id, task_id), asked(*nowhere), strict=True):
        foreign, missing = stranger(*theirs), stranger(*nobodys)
        assert foreign.status_code == missing.status_code == 404, theirs
        told = foreign.json()["error"]["message"].replace(session_id, nowhere[0]).replace(task_id, nowhere[1])
        assert told == missing.json()["error"]["message"]
    assert stranger("GET", "/v1/tasks").json()["data"] == []
    assert stranger("GET", f"/v1/tasks?session_id={session_id}").json()["data"] == []
    assert stranger("GET", "/v1/sessions?include_archived=true").json()["data"] == []
    same_key = stranger("POST", "/v1/tasks", {"prompt": "x", "context_key": "c"}).json()
    assert same_key["session_id"] != session_id
    assert client.get(f"/v1/tasks/{task_id}").json()["status"] == "queued"
