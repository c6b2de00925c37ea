"""A repeat is done once and answered alike, and races have one winner. Against a real process, for real races."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from overnight.ids import new_id
from tests.api.support import Api

EVENT = {"type": "user.message", "content": [{"type": "text", "text": "x"}]}
CALLERS = 8


def at_once(api: Api, path: str, body: dict[str, Any], key: str | None = None) -> list[httpx2.Response]:
    """The same call by eight callers, each on a connection of its own that is open already."""
    headers = {"idempotency-key": key} if key else {}

    def one(client: httpx2.Client) -> httpx2.Response:
        with client:
            client.get("/healthz")
            return client.post(path, json=body, headers=headers)

    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(one, [api.new_client() for _ in range(CALLERS)]))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/tasks", {"prompt": "x", "metadata": {"a": "é"}}),
        ("/v1/sessions", {"title": "t"}),
        ("/v1/sessions/{}/events", {"events": [EVENT]}),
    ],
)
def test_a_repeat_answers_as_the_first_did(api: Api, path: str, body: dict[str, Any]) -> None:
    client, headers = api.client, {"idempotency-key": new_id("k")}
    path = path.format(client.post("/v1/sessions", json={}).json()["id"])
    first = client.post(path, json=body, headers=headers)
    again = client.post(path, json=body, headers=headers)
    assert first.is_success
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert (again.status_code, again.content, again.headers.get("location")) == (
        first.status_code,
        first.content,
        first.headers.get("location"),
    )


def test_a_key_belongs_to_one_request(api: Api) -> None:
    headers = {"idempotency-key": new_id("k")}
    assert api.client.post("/v1/tasks", json={"prompt": "x"}, headers=headers).status_code == 202
    for path, body in (("/v1/tasks", {"prompt": "y"}), ("/v1/sessions", {})):
        refused = api.client.post(path, json=body, headers=headers)
        assert refused.status_code == 400
        assert refused.json()["error"]["details"]["error_code"] == "idempotency_mismatch"


def test_a_refused_request_leaves_its_key_free(api: Api) -> None:
    headers = {"idempotency-key": new_id("k")}
    assert (
        api.client.post("/v1/tasks", json={"prompt": "x", "session_id": "sesn_1"}, headers=headers).status_code == 404
    )
    assert api.client.post("/v1/tasks", json={"prompt": "x"}, headers=headers).status_code == 202


def test_eight_at_once_make_one_task(api: Api) -> None:
    for _ in range(5):
        user = new_id("u")
        answers = at_once(api, "/v1/tasks", {"prompt": "x", "user_id": user}, new_id("k"))
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.content for answer in answers}) == 1
        assert Counter(answer.headers.get("idempotent-replayed") for answer in answers) == {None: 1, "true": 7}
        assert len(api.client.get("/v1/tasks", params={"user_id": user}).json()["data"]) == 1


def test_eight_at_once_share_one_session_by_their_context_key(api: Api) -> None:
    for _ in range(5):
        answers = at_once(api, "/v1/tasks", {"prompt": "x", "context_key": new_id("c")})
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["session_id"] for answer in answers}) == 1
        assert sorted(answer.json()["queue_position"] for answer in answers) == list(range(CALLERS))


def test_eight_at_once_make_one_session_with_a_context_key(api: Api) -> None:
    answers = at_once(api, "/v1/sessions", {"context_key": new_id("c")})
    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: CALLERS - 1}
