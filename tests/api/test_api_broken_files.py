"""Files of sessions and users that somebody has spoilt: one error that names the place, or a session that works."""

import copy
import json
import random
import string
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.support import Worker
from tests.api.test_api_portable import exported

Json = dict[str, Any]
Path = tuple[Any, ...]
LOOK_UP = {"type": "custom", "name": "look_up", "description": "Looks up.", "input_schema": {"type": "object"}}
#: Incompressible, and beyond what any index takes.
NOISE = "".join(random.Random(7).choices(string.ascii_letters, k=9_000))
LEFT_OUT = "nothing at all"
#: What no place at all is made for, and what only some are.
POISONS = [
    *(None, True, -1, 2**31, 2**53, 2**63, 10**400, 1.5, float("nan"), float("inf")),
    *("", "\x00", "\ud800", NOISE, "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
    *([], {}, [None], {"x": 1}, [[]], [{"type": 5}], [{"type": "text"}]),
]


def of_a_session(client: TestClient, worker: Worker) -> tuple[str, Json]:
    """With an agent, a task that is done and one that is not, and a pin."""
    agent = client.post("/v1/agents", json={"name": "x", "model": "m", "tools": [LOOK_UP]}).json()["id"]
    wish = {"prompt": "Go.", "agent": agent, "user_id": "ann", "metadata": {"a": "b"}}
    session_id = client.post("/v1/tasks", json=wish).json()["session_id"]
    worker.answer(session_id)
    client.post("/v1/tasks", json={"prompt": "More.", "session_id": session_id})
    client.post(f"/v1/sessions/{session_id}/messages/1/pin")
    return "/v1/sessions/import", exported(client, session_id)


def of_a_user(client: TestClient, worker: Worker) -> tuple[str, Json]:
    client.post("/v1/users/ann", json={"profile": {"name": "Ann"}})
    file = client.get("/v1/users/ann/export").json()
    said = {"project_key": "p", "session_id": "s", "subpath": "", "summary": {}, "entries": [{"n": 1}]}
    return "/v1/users/ann/import", {**file, "sessions": [], "transcripts": [said]}


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Of a list, those of its first."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for step, each in inner:
        yield from places(each, (*path, step))


def spoilt(file: Json, path: Path, to: Any) -> Json:
    file = copy.deepcopy(file)
    inner: Any = file
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = to
    return file


def send(client: TestClient, url: str, body: Any) -> Any:
    """As JSON cannot be written by those who keep to it."""
    return client.post(url, content=json.dumps(body), headers={"content-type": "application/json"})


def check_refusal(answer: Any, field: str | None = None) -> None:
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["details"]["field"] == (field or error["details"]["field"])
    assert error["message"].startswith(f"{error['details']['field']}: ")


@pytest.mark.parametrize("of", [of_a_session, of_a_user])
def test_what_is_spoilt_in_any_place_is_refused_by_a_place_or_does_no_harm(
    client: TestClient, worker: Worker, of: Callable[..., tuple[str, Json]]
) -> None:
    url, file = of(client, worker)
    poisons = cycle(POISONS)
    for path in places(file):
        answer = send(client, url, spoilt(file, path, next(poisons)))
        if answer.status_code != 200:
            check_refusal(answer)
        elif of is of_a_session:
            works(client, answer.json()["id"])


def works(client: TestClient, session_id: str) -> None:
    for part in ("", "/messages", "/events", "/usage", "/export"):
        answer = client.get(f"/v1/sessions/{session_id}{part}")
        assert answer.status_code == 200, answer.text
    assert client.post(f"/v1/sessions/{session_id}/fork", json={}).status_code == 200


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("path", "to", "field"),
    [
        (("version",), "\ud800", "version"),
        (("session", "metadata"), LEFT_OUT, "session.metadata"),
        (("session", "metadata"), {"a": NOISE}, "session.metadata.a"),
        (("session", "context_key"), NOISE, "session.context_key"),
        (("session", "user_id"), NOISE, "session.user_id"),
        (("session", "inbox"), 2**63 - 1, "session.inbox"),
        (("session", "max_tokens"), 0, "session.max_tokens"),
        (("session", "model"), "", "session.model"),
        (("session", "surprise"), 1, "session.surprise"),
        (("tasks", 0, "user_id"), NOISE, "tasks.0.user_id"),
        (("tasks", 0, "steps"), 2**31 - 1, "tasks.0.steps"),
        (("tasks", 0, "content"), None, "tasks.0.content"),
        (("messages", 0, "content"), [{"text": "x"}], "messages.0.content"),
        (("messages", 1), {}, "messages.1.seq"),
        (("events", 0, "payload"), {"x": nested(600)}, "events.0.payload"),
        (("events", 0, "payload"), {"x": float("nan")}, "events.0.payload"),
        (("events", 1, "seq"), 1, "events.1"),
    ],
    ids=lambda value: str(value)[:40].encode("ascii", "replace").decode(),
)
def test_what_the_database_or_a_worker_would_stumble_over_is_refused(
    client: TestClient, worker: Worker, path: Path, to: Any, field: str
) -> None:
    url, file = of_a_session(client, worker)
    file = spoilt(file, path, to)
    if to is LEFT_OUT:
        del file[path[0]][path[1]]
    check_refusal(send(client, url, file), field)


def test_an_id_is_one_thing_s(client: TestClient, worker: Worker) -> None:
    url, file = of_a_session(client, worker)
    text = json.dumps(file).replace(file["tasks"][0]["id"], file["session"]["id"])
    check_refusal(client.post(url, content=text, headers={"content-type": "application/json"}), "tasks.0.id")
