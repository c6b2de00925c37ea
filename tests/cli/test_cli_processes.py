"""The processes one by one, as a cluster runs them: beside nothing but a database and a Redis."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from redis import Redis
from redis.exceptions import RedisError

from tests.cli.support import Shell, Started, until
from tests.servers import free_port, redis_command, temporary_folder

KEY = "sk-overnight-of-the-test"


@pytest.fixture
def redis_url() -> Iterator[str]:
    with temporary_folder() as folder:
        port = free_port()
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(redis_command(port, folder), stdout=log)
        url = f"redis://127.0.0.1:{port}/0"
        try:
            until(lambda: _answers(url), "Redis", 20)
            yield url
        finally:
            server.terminate()
            server.wait()


@pytest.fixture
def cluster(tmp_path: Path, redis_url: str) -> Shell:
    """The settings that all processes share; what is there of another program's Celery must not matter."""
    return Shell(
        tmp_path,
        OVERNIGHT_REDIS_URL=redis_url,
        OVERNIGHT_ANTHROPIC_BASE_URL=f"http://127.0.0.1:{free_port()}",
        OVERNIGHT_PORT=str(free_port()),
        OVERNIGHT_API_KEY=KEY,
        CELERY_BROKER_URL="redis://127.0.0.1:9/0",
        TMPDIR=str(tmp_path),
    )


def test_api_workers_and_beat_do_a_task_and_leave_when_asked(cluster: Shell) -> None:
    url = f"http://127.0.0.1:{cluster.env['OVERNIGHT_PORT']}"
    client = cluster.with_settings(OVERNIGHT_URL=url)
    cluster.run("migrate").expect(0)
    with ExitStack() as running:
        started: list[Started] = [
            running.enter_context(cluster.start(*command))
            for command in (
                ["sim", "--port", cluster.env["OVERNIGHT_ANTHROPIC_BASE_URL"].rpartition(":")[2]],
                ["api"],
                ["worker", "--concurrency", "3", "--partitions", "0-31"],
                ["worker", "-c", "4", "--partitions", "32-63"],
                ["beat"],
            )
        ]
        until(lambda: _is_ready(url), "all of them")
        # Of this many sessions, some are on either worker's partitions.
        for number in range(6):
            client.run("submit", f"Task {number}.", "--wait", "60").expect(0)
        detail = {check["check"]: check["detail"] for check in cluster.run("doctor", "--json").expect(0).json["checks"]}
        assert "worker1@" in detail["worker"]
        assert "(3 slots)" in detail["worker"]
        assert "worker2@" in detail["worker"]
        for process in reversed(started):
            process.signal(signal.SIGTERM)
        codes = [process.end(60).code for process in started]
    assert set(codes) <= {0, -signal.SIGTERM}, codes


def _is_ready(url: str) -> bool:
    try:
        answer = httpx2.get(f"{url}/readyz", timeout=5).json()
    except (httpx2.TransportError, ValueError):
        return False
    return bool(answer["status"] == "ok" and answer["workers"]["count"] == 2)


def _answers(url: str) -> bool:
    try:
        with Redis.from_url(url) as redis:
            return bool(redis.ping())
    except RedisError:
        return False
