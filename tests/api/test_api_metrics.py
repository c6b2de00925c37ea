"""What Prometheus is told."""

from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis
from starlette.testclient import TestClient

from api.app import create_app
from overnight.settings import Settings
from overnight.store import nodes
from overnight.store.database import Database
from tests.api.support import KEY, RedisServer
from worker.governor.asking import Grant
from worker.governor.governor import Governor

HEADERS = {"anthropic-ratelimit-requests-limit": "60", "anthropic-ratelimit-requests-remaining": "59"}
SHUT = {"retry-after": "40"}

Figures = dict[tuple[str, ...], float]


@pytest.fixture
def settings(database_url: str, redis_server: RedisServer) -> Settings:
    """Figures are of the whole installation: a database of its own, and a Redis without the limits of others."""
    with Redis.from_url(redis_server.url) as redis:
        for key in redis.scan_iter("overnight:governor:*"):
            redis.delete(key)
    return Settings(database_url=database_url, redis_url=redis_server.url, api_key=KEY)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), headers={"authorization": f"Bearer {KEY}"}) as client:
        yield client


def scrape(client: TestClient) -> Figures:
    """By name, and the values of the labels in the order of their names, the credential left out."""
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=")
    found: Figures = {}
    for family in text_string_to_metric_families(response.text):
        for sample in family.samples:
            labels = [value for name, value in sorted(sample.labels.items()) if name != "credential"]
            found[sample.name, *labels] = sample.value
    return found


def learn(settings: Settings, *, closes: bool) -> None:
    governor = Governor(settings, "test#1")
    family, wish = governor.wish("sesn_1", "claude-sonnet-5", 100, tenant="wrkspc_1")
    grant = governor.reserve(family, wish)
    assert isinstance(grant, Grant)
    governor.heard(grant, HEADERS)
    if closes:
        governor.refused(grant, 40.0, SHUT, is_overload=False)
    governor.settle(grant, None)
    governor.start()
    governor.close()  # and with it, all that was to be told is


def test_nobody_without_a_key(client: TestClient) -> None:
    assert client.get("/metrics", headers={"authorization": ""}).status_code == 401


def test_processes_and_tasks(client: TestClient, database: Database) -> None:
    with database.write() as connection:
        nodes.report(connection, "w1", "worker", "w1#1", slots=100)
    for _ in range(2):
        assert client.post("/v1/tasks", json={"prompt": "x"}).status_code == 202
    found = scrape(client)
    assert (found["overnight_workers",], found["overnight_worker_slots",], found["overnight_beats",]) == (1, 100, 0)
    assert found["overnight_tasks", "queued", ""] == 2
    assert found["overnight_redis_up",] == 1


def test_limits_and_the_gate(client: TestClient, settings: Settings) -> None:
    learn(settings, closes=False)
    found = scrape(client)
    assert found["overnight_claude_limit", "requests", "sonnet"] == 60
    assert 50 <= found["overnight_claude_left", "requests", "sonnet"] <= 60
    assert found["overnight_claude_closed_for_seconds", "sonnet"] == 0
    learn(settings, closes=True)
    assert 30 <= scrape(client)["overnight_claude_closed_for_seconds", "sonnet"] <= 40


def test_without_redis(database_url: str) -> None:
    away = Settings(database_url=database_url, redis_url="redis://127.0.0.1:1/0", api_key=KEY)
    with TestClient(create_app(away), headers={"x-api-key": KEY}) as client:
        found = scrape(client)
    assert found["overnight_redis_up",] == 0
    assert not any(name.startswith("overnight_claude") for name, *_ in found)
