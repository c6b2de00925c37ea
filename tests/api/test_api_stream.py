"""The event stream, against a real process: from the beginning, from the middle, live, and when things go away."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import httpx2
import pytest

from overnight import live
from overnight.store import keys
from overnight.store.database import Database
from tests.api.support import Api, Records, RedisServer, Worker, streaming, until

MESSAGE = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}
TURN = [
    "user.message",
    "session.status_running",
    "span.model_request_start",
    "agent.message",
    "span.model_request_end",
    "task.succeeded",
    "session.usage",
    "session.status_idle",
]


@pytest.fixture
def session_id(api: Api) -> str:
    return str(api.client.post("/v1/sessions", json={}).json()["id"])


@pytest.fixture
def listener(api: Api) -> Iterator[httpx2.Client]:
    with api.new_client() as client:
        yield client


def send(api: Api, session_id: str) -> None:
    assert api.client.post(f"/v1/sessions/{session_id}/events", json={"events": [MESSAGE]}).status_code == 200


def types(records: Iterator[dict[str, str]] | Records, count: int) -> list[str]:
    return [record["event"] for record in islice(iter(records), count)]


def attached(redis_server: RedisServer, session_id: str, count: int = 1) -> None:
    """Waits until the API listens to the session."""
    until(lambda: redis_server.listeners(live.channel(session_id)) == count)


def test_from_the_beginning(api: Api, worker: Worker, session_id: str, listener: httpx2.Client) -> None:
    send(api, session_id)
    worker.answer(session_id)
    listed = api.client.get(f"/v1/sessions/{session_id}/events").json()["data"]
    with streaming(listener, session_id, "?last_event_id=0") as records:
        seen = list(islice(records, len(TURN)))
    assert [record["event"] for record in seen] == TURN
    assert [int(record["id"]) for record in seen] == list(range(1, len(TURN) + 1))
    assert [json.loads(record["data"]) for record in seen] == listed


def test_from_the_middle(api: Api, worker: Worker, session_id: str, listener: httpx2.Client) -> None:
    send(api, session_id)
    worker.answer(session_id)
    with streaming(listener, session_id, last_event_id="4") as records:
        assert types(records, 4) == TURN[4:]
    with streaming(listener, session_id, "?last_event_id=1", last_event_id="6") as records:
        assert types(records, 2) == TURN[6:], "the header is newer than the address"


def test_from_now_on(
    api: Api, worker: Worker, session_id: str, listener: httpx2.Client, redis_server: RedisServer
) -> None:
    send(api, session_id)
    worker.answer(session_id)
    with streaming(listener, session_id) as records:
        attached(redis_server, session_id)
        send(api, session_id)
        worker.answer(session_id, event_id="sevt_second")
        seen = list(islice(records, len(TURN)))
    assert [record["event"] for record in seen] == TURN
    assert [int(record["id"]) for record in seen] == [number + len(TURN) for number in range(1, len(TURN) + 1)]


def test_more_than_one_batch(module_database: Database, api: Api, session_id: str, listener: httpx2.Client) -> None:
    for _ in range(11):
        events = [{"type": "user.interrupt"}] * 50
        assert api.client.post(f"/v1/sessions/{session_id}/events", json={"events": events}).status_code == 200
    with streaming(listener, session_id, "?last_event_id=0") as records:
        assert [int(record["id"]) for record in islice(records, 550)] == list(range(1, 551))


def test_redis_hurries_events_along(module_database_url: str, redis_server: RedisServer, worker: Worker) -> None:
    """With a look into SQL every minute, what comes at once has been announced."""
    with Api(module_database_url, redis_server.url, POLL_INTERVAL="60") as slow, slow.new_client() as listener:
        task = slow.client.post("/v1/tasks", json={"prompt": "x"}).json()
        with streaming(listener, task["session_id"]) as records:
            attached(redis_server, task["session_id"])
            began = time.monotonic()
            send(slow, task["session_id"])
            assert types(records, 1) == ["user.message"]
            cancelled = slow.client.post(f"/v1/tasks/{task['id']}/cancel")
            assert cancelled.json()["status"] == "cancelled"
            assert types(records, 1) == ["task.cancelled"]
        other = slow.client.post("/v1/tasks", json={"prompt": "x"}).json()
        with slow.new_client() as waiting, streaming(waiting, other["session_id"]):
            attached(redis_server, other["session_id"])
        assert time.monotonic() - began < 30


def test_words_as_they_come(
    api: Api, worker: Worker, session_id: str, listener: httpx2.Client, redis_server: RedisServer
) -> None:
    def say(frame: dict[str, Any]) -> None:
        redis_server.client.publish(live.channel(session_id), live.encode(frame))

    watches = redis_server.client.pubsub()  # type: ignore[no-untyped-call]
    watches.subscribe(live.WATCH)
    send(api, session_id)
    with (
        streaming(listener, session_id, "?event_deltas[]=agent.message") as records,
        api.new_client() as deaf_client,
        streaming(deaf_client, session_id) as deaf,
    ):
        attached(redis_server, session_id)
        asked = until(lambda: watches.get_message(ignore_subscribe_messages=True, timeout=1))
        assert asked["data"] == session_id
        turn = worker.begin(session_id)
        stream = iter(records)
        assert [record["event"] for record in islice(stream, 2)] == TURN[1:3]
        say(live.event_delta("sevt_unheard", "its start was before us"))
        say(live.event_start("sevt_answer"))
        say(live.event_delta("sevt_answer", "Do"))
        say(live.event_delta("sevt_answer", "ne."))
        frames = list(islice(stream, 3))
        assert [record["event"] for record in frames] == ["event_start", "event_delta", "event_delta"]
        assert all("id" not in record for record in frames)
        texts = [json.loads(record["data"])["delta"]["content"]["text"] for record in frames[1:]]
        assert texts == ["Do", "ne."]
        worker.succeed(turn)
        assert [record["event"] for record in islice(stream, 5)] == TURN[3:]
        say(live.event_delta("sevt_answer", "too late"))
        say(live.event_start("sevt_answer"))
        send(api, session_id)
        assert next(stream)["event"] == "user.message"
        assert types(deaf, 8) == [*TURN[1:], "user.message"]
    watches.close()


def test_silence_is_filled(session_id: str, listener: httpx2.Client) -> None:
    with streaming(listener, session_id, "?last_event_id=0") as records:
        assert list(islice(records.lines, 3)) == [": keep-alive", "", ": keep-alive"]


def test_it_ends_with_the_session(
    api: Api, session_id: str, listener: httpx2.Client, redis_server: RedisServer
) -> None:
    with streaming(listener, session_id) as records:
        attached(redis_server, session_id)
        api.client.post(f"/v1/sessions/{session_id}/archive")
        assert [record["event"] for record in records] == ["session.archived", "session.status_terminated"]
    with streaming(listener, session_id, "?last_event_id=0") as records:
        assert [record["event"] for record in records] == ["session.archived", "session.status_terminated"]
    with streaming(listener, session_id) as records:
        assert list(records) == []


def test_it_ends_when_the_session_is_deleted(
    api: Api, session_id: str, listener: httpx2.Client, redis_server: RedisServer
) -> None:
    with streaming(listener, session_id) as records:
        attached(redis_server, session_id)
        api.client.delete(f"/v1/sessions/{session_id}")
        assert [record["event"] for record in records] == ["session.deleted", "session.status_terminated"]


def test_it_ends_when_its_rows_are_purged_unseen(
    api: Api, module_database: Database, session_id: str, listener: httpx2.Client
) -> None:
    with streaming(listener, session_id) as records:
        with module_database.write() as connection:
            connection.exec_driver_sql(f"DELETE FROM sessions WHERE id = '{session_id}'")
        assert list(records) == []


def test_it_ends_when_its_key_is_revoked(api: Api, module_database: Database, session_id: str) -> None:
    with module_database.write() as connection:
        key_id = keys.add(connection, "listener", "sk-overnight-listener")
    with api.new_client("sk-overnight-listener") as listener, streaming(listener, session_id) as records:
        with module_database.write() as connection:
            keys.revoke(connection, key_id)
        assert list(records) == []


def test_a_listener_that_goes_leaves_nothing_behind(
    api: Api, session_id: str, redis_server: RedisServer, module_database: Database
) -> None:
    for _ in range(3):
        with api.new_client() as client, streaming(client, session_id, "?event_deltas[]=agent.message"):
            attached(redis_server, session_id)
        attached(redis_server, session_id, 0)


def test_a_waiting_client_that_goes_leaves_nothing_behind(api: Api, redis_server: RedisServer) -> None:
    task = api.client.post("/v1/tasks", json={"prompt": "x"}).json()
    with api.new_client() as impatient:
        impatient.timeout = httpx2.Timeout(0.5)
        with pytest.raises(httpx2.ReadTimeout):
            impatient.get(f"/v1/tasks/{task['id']}", params={"wait": 60})
    attached(redis_server, task["session_id"], 0)


def test_without_redis_sql_is_asked(module_database_url: str, own_redis: RedisServer, worker: Worker) -> None:
    with Api(module_database_url, own_redis.url, POLL_INTERVAL="0.3") as api, api.new_client() as listener:
        session_id = str(api.client.post("/v1/sessions", json={}).json()["id"])
        with streaming(listener, session_id, "?event_deltas[]=agent.message") as records:
            attached(own_redis, session_id)
            stream = iter(records)
            own_redis.kill()
            send(api, session_id)
            worker.answer(session_id)
            assert [record["event"] for record in islice(stream, len(TURN))] == TURN
            own_redis.start()
            attached(own_redis, session_id)
            own_redis.freeze()
            send(api, session_id)
            worker.answer(session_id, event_id="sevt_b")
            assert [record["event"] for record in islice(stream, len(TURN))] == TURN
            own_redis.thaw()


def test_stopping_the_server_ends_streams_and_waits(module_database_url: str, redis_server: RedisServer) -> None:
    with Api(module_database_url, redis_server.url) as api, api.new_client() as listener:
        watched, awaited = [api.client.post("/v1/tasks", json={"prompt": "x"}).json() for _ in range(2)]
        with streaming(listener, watched["session_id"]) as records:
            attached(redis_server, watched["session_id"])
            with ThreadPoolExecutor(1) as pool, api.new_client() as waiting:
                answer = pool.submit(waiting.get, f"/v1/tasks/{awaited['id']}", params={"wait": 60})
                attached(redis_server, awaited["session_id"])
                began = time.monotonic()
                api.close()
                assert list(records) == []
                assert answer.result().json()["status"] == "queued"
            assert time.monotonic() - began < 15
