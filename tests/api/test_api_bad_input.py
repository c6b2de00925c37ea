"""Whatever is sent, the answer is an envelope that names the field, or the thing that is not there."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

JSON = {"content-type": "application/json"}
TEXT = {"type": "text", "text": "x"}
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/bmp", "data": "a"}}
EVENT = {"type": "user.message", "content": [TEXT]}
OVERRIDES = {"type": "agent_with_overrides", "id": "agent_default"}
AT = "2026-01-01T00:00:00Z"

BODIES = [
    ("/v1/tasks", {}, "prompt"),
    ("/v1/tasks", {"prompt": ""}, "prompt"),
    ("/v1/tasks", {"prompt": " \n\t"}, "prompt"),
    ("/v1/tasks", {"prompt": 3}, "prompt"),
    ("/v1/tasks", {"prompt": None}, "prompt"),
    ("/v1/tasks", {"prompt": "a\x00b"}, "prompt"),
    ("/v1/tasks", {"prompt": "a\ud800b"}, "prompt"),
    ("/v1/tasks", {"prompt": "x", "content": [TEXT]}, "content"),
    ("/v1/tasks", {"content": []}, "content"),
    ("/v1/tasks", {"content": "x"}, "content"),
    ("/v1/tasks", {"content": ["x"]}, "content.0"),
    ("/v1/tasks", {"content": [TEXT, {"type": "text"}]}, "content.1.text"),
    ("/v1/tasks", {"content": [{"type": "text", "text": " "}]}, "content.0.text"),
    ("/v1/tasks", {"content": [{"type": "tool_result", "tool_use_id": "t"}]}, "content.0"),
    ("/v1/tasks", {"content": [{**TEXT, "cache_control": {"type": "ephemeral"}}]}, "content.0.cache_control"),
    ("/v1/tasks", {"content": [PICTURE]}, "content.0.source.media_type"),
    ("/v1/tasks", {"content": [{"type": "image", "source": {"type": "text"}}]}, "content.0.source"),
    ("/v1/tasks", {"content": [{"type": "document", "source": {"type": "url", "url": ""}}]}, "content.0.source.url"),
    ("/v1/tasks", {"prompt": "x", "colour": "red"}, "colour"),
    ("/v1/tasks", {"prompt": "x", "agent": "agent_other"}, "agent"),
    ("/v1/tasks", {"prompt": "x", "agent": {"type": "agent", "id": "agent_default", "version": 2}}, "agent.version"),
    ("/v1/tasks", {"prompt": "x", "priority": 1}, "priority"),
    ("/v1/tasks", {"prompt": "x", "deadline": AT}, "deadline"),
    ("/v1/tasks", {"prompt": "x", "budget": {}}, "budget"),
    ("/v1/tasks", {"prompt": "x", "budget": {"max_usd": 0}}, "budget.max_usd"),
    ("/v1/tasks", {"prompt": "x", "budget": {"max_usd": "1"}}, "budget.max_usd"),
    ("/v1/tasks", {"prompt": "x", "budget": {"max_tokens": 1.5}}, "budget.max_tokens"),
    ("/v1/tasks", {"prompt": "x", "model": "some-model", "budget": {"max_usd": 1}}, "budget"),
    ("/v1/tasks", {"prompt": "x", "dry_run": "yes"}, "dry_run"),
    ("/v1/tasks", {"prompt": "x", "lane": "fast"}, "lane"),
    ("/v1/budgets", {}, "body"),
    ("/v1/budgets", {"max_usd": 1, "period": "week"}, "period"),
    ("/v1/budgets", {"max_usd": 1, "user_id": ""}, "user_id"),
    ("/v1/sessions", {"budget": {"type": "limit"}}, "budget"),
    ("/v1/tasks", {"prompt": "x", "session_id": 3}, "session_id"),
    ("/v1/tasks", {"prompt": "x", "context_key": ""}, "context_key"),
    ("/v1/tasks", {"prompt": "x", "context_key": "k" * 256}, "context_key"),
    ("/v1/tasks", {"prompt": "x", "user_id": "u\x00"}, "user_id"),
    ("/v1/tasks", {"prompt": "x", "title": "\udfff"}, "title"),
    ("/v1/tasks", {"prompt": "x", "model": ""}, "model"),
    ("/v1/tasks", {"prompt": "x", "max_tokens": 0}, "max_tokens"),
    ("/v1/tasks", {"prompt": "x", "max_tokens": "10"}, "max_tokens"),
    ("/v1/tasks", {"prompt": "x", "max_tokens": True}, "max_tokens"),
    ("/v1/tasks", {"prompt": "x", "max_tokens": 2**40}, "max_tokens"),
    ("/v1/tasks", {"prompt": "x", "metadata": [1]}, "metadata"),
    ("/v1/tasks", {"prompt": "x", "metadata": {"a": 1}}, "metadata.a"),
    ("/v1/tasks", {"prompt": "x", "metadata": {"a": "b\x00"}}, "metadata.a"),
    ("/v1/tasks", {"prompt": "x", "metadata": {"k" * 65: "v"}}, "metadata." + "k" * 65),
    ("/v1/tasks", {"prompt": "x", "metadata": {str(i): "v" for i in range(17)}}, "metadata"),
    ("/v1/tasks", {"prompt": "x", "not_before": "tomorrow"}, "not_before"),
    ("/v1/tasks", {"prompt": "x", "not_before": 1_800_000_000}, "not_before"),
    ("/v1/tasks", {"prompt": "x", "not_before": "2026-01-01T00:00:00"}, "not_before"),
    ("/v1/tasks", {"prompt": "x", "not_before": "9999-12-31T23:59:59-23:59"}, "not_before"),
    ("/v1/tasks", {"prompt": "x", "not_before": "2026-02-30T00:00:00Z"}, "not_before"),
    ("/v1/tasks", {"prompt": "x", "session_id": "sesn_1", "model": "m"}, "model"),
    ("/v1/tasks", {"prompt": "x", "session_id": "sesn_1", "system": "s"}, "system"),
    ("/v1/tasks", {"prompt": "x", "session_id": "sesn_1", "max_tokens": 5}, "max_tokens"),
    ("/v1/tasks", {"prompt": "x", "session_id": "sesn_1", "title": "t"}, "title"),
    ("/v1/tasks", {"prompt": "x", "session_id": "sesn_1", "context_key": "c"}, "context_key"),
    ("/v1/sessions", {"agent": "agent_other"}, "agent"),
    ("/v1/sessions", {"agent": 3}, "agent"),
    ("/v1/sessions", {"agent": {"type": "agent"}}, "agent.id"),
    ("/v1/sessions", {"agent": {"type": "agent", "id": "agent_default", "version": 2}}, "agent.version"),
    ("/v1/sessions", {"agent": {**OVERRIDES, "skills": []}}, "agent.skills"),
    ("/v1/sessions", {"agent": {**OVERRIDES, "tools": None}}, "agent.tools"),
    ("/v1/sessions", {"agent": {**OVERRIDES, "version": 2**31}}, "agent.version"),
    ("/v1/sessions", {"agent": {**OVERRIDES, "model": 3}}, "agent.model"),
    ("/v1/sessions", {"agent": {**OVERRIDES, "model": {"id": "m", "effort": "high"}}}, "agent.model.effort"),
    ("/v1/sessions", {"environment_id": "env_other"}, "environment_id"),
    ("/v1/sessions", {"resources": []}, "resources"),
    ("/v1/sessions", {"initial_events": [{"type": "user.interrupt"}]}, "initial_events.0.type"),
    ("/v1/sessions", {"initial_events": [{"type": "user.define_outcome"}]}, "initial_events.0"),
    ("/v1/sessions", {"initial_events": [EVENT] * 51}, "initial_events"),
    ("/v1/sessions/{}/events", {}, "events"),
    ("/v1/sessions/{}/events", {"events": []}, "events"),
    ("/v1/sessions/{}/events", {"events": [EVENT] * 51}, "events"),
    ("/v1/sessions/{}/events", {"events": [{"type": "agent.message"}]}, "events.0"),
    ("/v1/sessions/{}/events", {"events": [{"type": "user.message", "content": []}]}, "events.0.content"),
    ("/v1/sessions/{}/events", {"events": [{"type": "user.tool_result"}]}, "events.0.tool_use_id"),
    ("/v1/sessions/{}/events", {"events": [{"type": "user.define_outcome"}]}, "events.0"),
    (
        "/v1/sessions/{}/events",
        {"events": [{"type": "user.interrupt", "session_thread_id": "t"}]},
        "events.0.session_thread_id",
    ),
]

QUERIES = [
    ("/v1/tasks", "limit=1&limit=2", "limit"),
    ("/v1/budgets", "user_id=ann&user_id=bob", "user_id"),
    ("/v1/tasks", "limit=0", "limit"),
    ("/v1/tasks", "limit=101", "limit"),
    ("/v1/tasks", "limit=ten", "limit"),
    ("/v1/tasks", "page=nonsense", "page"),
    ("/v1/tasks", "page=bnVsbA", "page"),
    ("/v1/tasks", "page=WzFd", "page"),  # an event's cursor
    ("/v1/tasks", "page=%00", "page"),
    ("/v1/tasks", "page=é", "page"),
    ("/v1/tasks", "page=WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzIzOjU5IiwgInRhc2tfYSJd", "page"),  # a time before all times
    ("/v1/tasks", "statuses[]=done", "statuses[].0"),
    ("/v1/tasks", "created_at[gt]=yesterday", "created_at[gt]"),
    ("/v1/tasks", "created_at[gt]=1", "created_at[gt]"),
    ("/v1/tasks", "colour=red", "colour"),
    ("/v1/tasks", "user_id=%00", "user_id"),
    ("/v1/tasks/task_1", "wait=61", "wait"),
    ("/v1/tasks/task_1", "wait=-1", "wait"),
    ("/v1/tasks/task_1", "wait=nan", "wait"),
    ("/v1/tasks/%00", "", "task_id"),
    ("/v1/sessions", "statuses[]=busy", "statuses[].0"),
    ("/v1/sessions", "order=up", "order"),
    ("/v1/sessions", "deployment_id=d", "deployment_id"),
    ("/v1/sessions", "agent_version=1", "agent_version"),
    ("/v1/sessions", "agent_id=agent_default&agent_version=0", "agent_version"),
    ("/v1/sessions/{}/events", "page=WyJhIl0", "page"),
    ("/v1/sessions/{}/events", "page=WzFlOTld", "page"),  # a number beyond all numbers
    ("/v1/sessions/{}/events", "limit=1001", "limit"),
    ("/v1/sessions/{}/messages", "page=x", "page"),
    ("/v1/sessions/{}/events/stream", "event_deltas[]=user.message", "event_deltas[].0"),
    ("/v1/sessions/{}/events/stream", "last_event_id=-1", "Last-Event-ID"),
    ("/v1/sessions/{}/events/stream", "last_event_id=one", "Last-Event-ID"),
    ("/v1/sessions/{}/events/stream", "last_event_id=99999999999999999999", "Last-Event-ID"),
]

FOREIGN = [
    ("GET", "/v1/tasks/task_1"),
    ("POST", "/v1/tasks/task_1/cancel"),
    ("POST", "/v1/tasks/task_1/retry"),
    ("GET", "/v1/sessions/sesn_1"),
    ("DELETE", "/v1/sessions/sesn_1"),
    ("POST", "/v1/sessions/sesn_1/archive"),
    ("GET", "/v1/sessions/sesn_1/events"),
    ("GET", "/v1/sessions/sesn_1/events/stream"),
    ("GET", "/v1/sessions/sesn_1/messages"),
    ("GET", "/v1/agents/agent_1"),
    ("POST", "/v1/agents/agent_1"),
    ("POST", "/v1/agents/agent_1/archive"),
    ("GET", "/v1/agents/agent_1/versions"),
]


@pytest.fixture
def session_id(client: TestClient) -> str:
    return str(client.post("/v1/sessions", json={}).json()["id"])


def complaint(response: Any, status: int = 400, kind: str = "invalid_request_error") -> dict[str, Any]:
    body = response.json()
    assert response.status_code == status, body
    assert body["type"] == "error"
    assert body["error"]["type"] == kind
    assert body["request_id"] == response.headers["request-id"]
    error: dict[str, Any] = body["error"]
    return error


def named(error: dict[str, Any]) -> str:
    """The field that the details name, which the message names too."""
    field = str(error["details"]["field"])
    assert error["message"].startswith(f"{field}: "), error["message"]
    return field


def test_bodies(client: TestClient, session_id: str) -> None:
    for path, body, field in BODIES:
        error = complaint(client.post(path.format(session_id), content=json.dumps(body), headers=JSON))
        assert named(error) == field, (path, body, error)
    assert client.get("/v1/tasks").json()["data"] == []


def test_planned_features_are_told_from_mistakes(client: TestClient) -> None:
    planned = complaint(client.post("/v1/tasks", json={"prompt": "x", "lane": "fast"}))
    mistake = complaint(client.post("/v1/tasks", json={"prompt": "x", "bugdet": {}}))
    assert "not supported yet" in planned["message"]
    assert "not a known field" in mistake["message"]


def test_queries(client: TestClient, session_id: str) -> None:
    for path, query, field in QUERIES:
        error = complaint(client.get(f"{path.format(session_id)}?{query}"))
        assert named(error) == field, (path, query, error)


def test_a_header_may_be_wrong_too(client: TestClient, session_id: str) -> None:
    stream = f"/v1/sessions/{session_id}/events/stream"
    assert named(complaint(client.get(stream, headers={"last-event-id": "x"}))) == "Last-Event-ID"
    for key in ("", "k" * 256, "kéy".encode("latin-1"), "a\tb"):
        headers: Any = {"idempotency-key": key}
        response = client.post("/v1/tasks", json={"prompt": "x"}, headers=headers)
        assert named(complaint(response)) == "Idempotency-Key", key


def test_bodies_that_are_no_json(client: TestClient) -> None:
    for body in (b"", b"{", b"[]", b"3", b'{"prompt": "x",}', b"\xff\xfe{", b'{"prompt": "\x01"}', b"[" * 100_000):
        assert named(complaint(client.post("/v1/tasks", content=body, headers=JSON))) == "body", body
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        response = client.post("/v1/tasks", content=b'{"prompt": "x"}', headers={"content-type": content_type})
        assert named(complaint(response)) == "content-type"


def test_names_that_are_no_text(client: TestClient) -> None:
    response = client.post("/v1/tasks", content=b'{"prompt": "x", "\\ud800": 1}', headers=JSON)
    assert "lone surrogates" in complaint(response)["message"]


def test_a_body_that_is_too_large(client: TestClient) -> None:
    def in_pieces() -> Iterator[bytes]:
        for _ in range(6):
            yield b"x" * 1_000_000

    for content in (b"x" * 5_000_000, in_pieces()):
        error = complaint(client.post("/v1/tasks", content=content, headers=JSON), 413)
        assert named(error) == "body"
        assert error["details"]["error_code"] == "request_too_large"
    just_fits = '{"prompt": "%s"}' % ("x" * 4_000_000)
    assert client.post("/v1/tasks", content=just_fits, headers=JSON).status_code == 202


def test_what_is_not_there(client: TestClient) -> None:
    for method, path in FOREIGN:
        error = complaint(client.request(method, path, json={}), 404, "not_found_error")
        assert path.split("/")[3] in error["message"]
    body = {"prompt": "x", "session_id": "sesn_1"}
    complaint(client.post("/v1/tasks", json=body), 404, "not_found_error")
    complaint(client.post("/v1/sessions/sesn_1/events", json={"events": [EVENT]}), 404, "not_found_error")
    for path in ("/nothing", "/v1/nothing", "/v1/tasks/", "/v1/sessions/a/b/c"):
        complaint(client.get(path), 404, "not_found_error")


def test_a_method_that_is_not_there(client: TestClient) -> None:
    for method, path, allowed in (
        ("PUT", "/v1/tasks", "GET, POST"),
        ("PATCH", "/v1/sessions/sesn_1", "DELETE, GET, POST"),
    ):
        response = client.request(method, path)
        complaint(response, 405)
        assert response.headers["allow"] == allowed
