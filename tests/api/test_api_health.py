"""What probes are told."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from overnight.settings import Settings
from overnight.store import nodes
from overnight.store.database import Database
from tests.api.support import KEY, RedisServer


@pytest.fixture
def client(database_url: str, redis_server: RedisServer) -> Iterator[TestClient]:
    """On a database of its own, since processes and the schema belong to no workspace."""
    settings = Settings(database_url=database_url, redis_url=redis_server.url, api_key=KEY)
    with TestClient(create_app(settings), headers={"x-api-key": KEY}) as client:
        yield client


def test_alive(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_ready_when_all_is_there(client: TestClient, database: Database) -> None:
    lonely = client.get("/readyz")
    assert (lonely.status_code, lonely.json()["status"]) == (200, "degraded")
    assert lonely.json()["workers"] == {"ok": False, "count": 0, "slots": 0}
    with database.write() as connection:
        nodes.report(connection, "w1", "worker", "w1#1", slots=100)
        nodes.report(connection, "w2", "worker", "w2#1", slots=50)
    assert client.get("/readyz").json()["status"] == "degraded"
    with database.write() as connection:
        nodes.report(connection, "beat", "beat", "beat#1")
    ready = client.get("/readyz").json()
    assert ready["status"] == "ok"
    assert ready["workers"] == {"ok": True, "count": 2, "slots": 150}


def test_silent_processes_do_not_count(client: TestClient, database: Database) -> None:
    with database.write() as connection:
        nodes.report(connection, "w1", "worker", "w1#1")
        nodes.report(connection, "beat", "beat", "beat#1")
        connection.exec_driver_sql("UPDATE nodes SET seen_at = '2026-01-01 00:00:00.000000+00'")
    checks = client.get("/readyz").json()
    assert (checks["workers"]["ok"], checks["beat"]["ok"]) == (False, False)


def test_not_ready_on_another_schema(tmp_path: Path, redis_server: RedisServer) -> None:
    empty = Settings(database_url=f"sqlite:///{tmp_path / 'empty.db'}", redis_url=redis_server.url)
    with TestClient(create_app(empty)) as client:
        response = client.get("/readyz")
        assert (response.status_code, response.json()["status"]) == (503, "unavailable")
        assert response.json()["database"]["ok"]
        assert not response.json()["schema_version"]["ok"]


def test_an_older_schema_is_told_and_refused(client: TestClient, database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE events RENAME TO elsewhere")
    refused = client.post("/v1/tasks", json={"prompt": "x"})
    assert refused.status_code == 503
    assert refused.headers["x-should-retry"] == "true"
    assert "overnight migrate" in refused.json()["error"]["message"]
