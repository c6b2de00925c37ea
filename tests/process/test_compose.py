"""The services of docker-compose.yml as real processes outside Docker, installed as in their image: all they run."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from redis import AuthenticationError, Redis
from redis import ConnectionError as RedisConnectionError

from overnight.stack.redis_binary import find_redis
from tests import compose, image
from tests.compose import Service
from tests.process.cluster import until
from tests.servers import Postgres, free_port

SECRETS = {
    "ANTHROPIC_API_KEY": "for-claude",
    "OVERNIGHT_API_KEY": "for-programs",
    "OVERNIGHT_FLOWER_BASIC_AUTH": "user:password",
    "POSTGRES_PASSWORD": "of-postgres",
    "REDIS_PASSWORD": "of-redis",
}
OURS = ("OVERNIGHT_", "ANTHROPIC_", "PYTHONPATH")
BARE = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}


class Deployment:
    """What compose would run, at addresses of this machine; everything still running at the end is ended."""

    def __init__(self, folder: Path, programs: Path, database_url: str) -> None:
        self.folder = folder
        self.redis_port, self.simulator_port = free_port(), free_port()
        self.api_port, self.flower_port = free_port(), free_port()
        self.services = compose.services(SECRETS)
        # What is elsewhere here: hosts, ports, and a short lease so that health checks need not be waited for.
        self.elsewhere = {
            "OVERNIGHT_DATABASE_URL": database_url,
            "OVERNIGHT_REDIS_URL": f"redis://:of-redis@127.0.0.1:{self.redis_port}/0",
            "OVERNIGHT_ANTHROPIC_BASE_URL": f"http://127.0.0.1:{self.simulator_port}",
            "OVERNIGHT_PORT": str(self.api_port),
            "OVERNIGHT_FLOWER_PORT": str(self.flower_port),
            "OVERNIGHT_LEASE_TTL": "6",
        }
        self.moved = {
            "overnight": str(programs / "overnight"),
            "python": str(programs / "python"),
            "0.0.0.0": "127.0.0.1",
            "worker1@worker1": f"worker1@{socket.gethostname()}",
            "worker2@worker2": f"worker2@{socket.gethostname()}",
            "http://127.0.0.1:8000/healthz": f"http://127.0.0.1:{self.api_port}/healthz",
            "http://127.0.0.1:5555/healthcheck": f"http://127.0.0.1:{self.flower_port}/healthcheck",
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        self._spawn(name, self._moved(self.services[name]["command"]), self._environment(self.services[name]))

    def start_redis(self) -> None:
        service = self.services["redis"]
        server = f"{find_redis().path} - --bind 127.0.0.1 --port {self.redis_port}"
        *shell, script = service["command"]
        self._spawn("redis", [*shell, script.replace("redis-server -", server)], BARE | service["environment"])

    def start_simulator(self) -> None:
        command = [sys.executable, "-m", "ops.simulator", "--port", str(self.simulator_port), "--latency", "0"]
        self._spawn("simulator", command, BARE)

    def run(self, name: str) -> int:
        self.start(name)
        return self.processes[name].wait(60)

    def is_well(self, name: str) -> bool:
        """What Docker would say, by the service's own health check."""
        service = self.services[name]
        kind, *check = service["healthcheck"]["test"]
        assert kind == "CMD"
        asked = subprocess.run(
            self._moved(check), env=self._environment(service), cwd=self.folder, capture_output=True, check=False
        )
        return asked.returncode == 0

    def stop(self, name: str) -> None:
        """As Docker does: SIGTERM, and the time that compose grants (10 s where it names none)."""
        process = self.processes[name]
        process.send_signal(signal.SIGTERM)
        process.wait(float(self.services[name].get("stop_grace_period", "10s").removesuffix("s")))
        del self.processes[name]

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")[-2_000:]

    def close(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()

    def _environment(self, service: Service) -> dict[str, str]:
        told: dict[str, str] = service["environment"]
        needed = {"OVERNIGHT_ANTHROPIC_BASE_URL", "OVERNIGHT_LEASE_TTL", "OVERNIGHT_PORT", "OVERNIGHT_FLOWER_PORT"}
        return BARE | told | {name: value for name, value in self.elsewhere.items() if name in {*told, *needed}}

    def _moved(self, words: list[str]) -> list[str]:
        return [self.moved.get(word, word) for word in words]

    def _spawn(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            # Not in the checkout: in the image, too, it is not there to be imported from.
            self.processes[name] = subprocess.Popen(
                command, env=environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image.install(tmp_path_factory.mktemp("image"))


@contextmanager
def deployment(folder: Path, programs: Path, database_url: str) -> Iterator[Deployment]:
    made = Deployment(folder, programs, database_url)
    try:
        yield made
    finally:
        made.close()


def test_what_compose_runs_comes_up_works_and_goes(tmp_path: Path, programs: Path, postgres_server: Postgres) -> None:
    running = ["api", "worker1", "worker2", "beat", "flower"]
    with deployment(tmp_path, programs, postgres_server.new_database()) as deployed:
        deployed.start_redis()
        deployed.start_simulator()
        assert [deployed.run("migrate"), deployed.run("migrate")] == [0, 0], deployed.log("migrate")
        for name in running:
            assert not deployed.is_well(name)
            deployed.start(name)
        for name in running:
            until(lambda name=name: deployed.is_well(name), f"{name} is well: {deployed.log(name)}")
        assert _answer(deployed, "Say hello.") != ""
        for name in running:
            deployed.stop(name)
        for name in running:
            until(lambda name=name: not deployed.is_well(name), f"{name} is seen to be gone")


def test_redis_is_configured_by_standard_input(tmp_path: Path, programs: Path) -> None:
    with deployment(tmp_path, programs, "") as deployed:
        deployed.start_redis()
        with Redis(port=deployed.redis_port, password="of-redis", decode_responses=True) as redis:
            until(lambda: _pings(redis), f"Redis: {deployed.log('redis')}")
            said = redis.config_get("*")
        with Redis(port=deployed.redis_port) as stranger, pytest.raises(AuthenticationError):
            stranger.ping()
    assert said["appendonly"] == "yes"
    assert said["appendfsync"] == "everysec"
    assert said["maxmemory-policy"] == "noeviction"
    assert (said["save"], int(said["maxmemory"])) == ("", 512 * 1024 * 1024)


def _answer(deployed: Deployment, prompt: str) -> str:
    url = f"http://127.0.0.1:{deployed.api_port}/v1/tasks"
    headers = {"authorization": "Bearer for-programs"}
    task = httpx2.post(url, headers=headers, json={"prompt": prompt}).raise_for_status().json()
    done = httpx2.get(f"{url}/{task['id']}?wait=30", headers=headers, timeout=60).raise_for_status().json()
    assert done["status"] == "succeeded", done
    return str(done["output"])


def _pings(redis: "Redis") -> bool:
    try:
        return bool(redis.ping())
    except RedisConnectionError:
        return False
