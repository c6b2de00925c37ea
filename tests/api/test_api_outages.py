"""What callers see while Redis or the database is away."""

import time
from collections.abc import Iterator
from statistics import median

import httpx2
import pytest

from overnight.live import SOCKET_TIMEOUT
from overnight.store import schema
from overnight.store.database import Database
from tests.api.support import Api, RedisServer, Worker, streaming, until
from tests.servers import Postgres, postgres

MESSAGE = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}


def accept_quickly(api: Api, count: int = 10) -> list[str]:
    """A task within a second, and none as late as if it had waited for Redis, on a busy machine too."""
    ids, seconds = [], []
    for _ in range(count):
        began = time.monotonic()
        response = api.client.post("/v1/tasks", json={"prompt": "x"})
        seconds.append(time.monotonic() - began)
        assert response.status_code == 202
        ids.append(response.json()["id"])
    assert median(seconds) < 1
    assert max(seconds) < SOCKET_TIMEOUT
    return ids


def test_tasks_are_accepted_while_redis_is_frozen_or_dead(module_database_url: str, own_redis: RedisServer) -> None:
    with Api(module_database_url, own_redis.url) as api:
        accept_quickly(api)
        own_redis.freeze()
        accept_quickly(api, 30)
        assert api.client.get("/readyz").json()["status"] == "degraded"
        assert not api.client.get("/readyz").json()["redis"]["ok"]
        own_redis.thaw()
        until(lambda: api.client.get("/readyz").json()["redis"]["ok"])
        own_redis.kill()
        ids = accept_quickly(api, 30)
        assert not api.client.get("/readyz").json()["redis"]["ok"]
        own_redis.start()
        until(lambda: api.client.get("/readyz").json()["redis"]["ok"])
        assert {api.client.get(f"/v1/tasks/{task_id}").status_code for task_id in ids} == {200}


def migrate(url: str) -> None:
    database = Database(url)
    schema.migrate(database)
    database.close()


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


def test_the_database_goes_and_comes_back(own_postgres: Postgres, redis_server: RedisServer) -> None:
    url = own_postgres.new_database()
    migrate(url)
    with Api(url, redis_server.url, KEY_CACHE="0", KEEP_ALIVE="0.5") as api, api.new_client() as listener:
        task = api.client.post("/v1/tasks", json={"prompt": "x"}).json()
        with streaming(listener, task["session_id"]) as records:
            own_postgres.stop()
            for method, path in (("POST", "/v1/tasks"), ("GET", f"/v1/tasks/{task['id']}"), ("GET", "/v1/sessions")):
                refused(api.client.request(method, path, json={"prompt": "x"} if method == "POST" else None))
            assert api.client.get("/healthz").status_code == 200
            ready = api.client.get("/readyz")
            assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
            own_postgres.start()
            until(lambda: api.client.get("/v1/tasks").status_code == 200)
            database = Database(url)
            Worker(database).answer(task["session_id"])
            database.close()
            assert next(iter(records))["event"] == "session.status_running", "the stream has outlived the outage"
        assert api.client.get(f"/v1/tasks/{task['id']}").json()["status"] == "succeeded"


def test_it_starts_without_a_database(own_postgres: Postgres, redis_server: RedisServer) -> None:
    url = own_postgres.new_database()
    migrate(url)
    own_postgres.stop()
    with Api(url, redis_server.url) as api:
        refused(api.client.get("/v1/tasks"))
        own_postgres.start()
        until(lambda: api.client.get("/v1/tasks").status_code == 200)


def refused(response: httpx2.Response) -> None:
    assert response.status_code == 503
    assert response.headers["x-should-retry"] == "true"
    assert response.headers["retry-after"] == "1"
    error = response.json()["error"]
    assert error["type"] == "api_error"
    assert error["details"]["error_code"] == "database_unavailable"
