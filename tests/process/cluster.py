"""A whole Overnight of real processes, to be killed, frozen and flushed by tests."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from redis import Redis
from sqlalchemy import Row, text

from overnight.after_commit import AfterCommit
from overnight.crypto import masters
from overnight.models import DEFAULT_WORKSPACE, Task
from overnight.store import keys, ledger, sessions, submissions, tasks
from overnight.store.database import Database, is_down
from overnight.store.sessions import NewSession
from overnight.store.submissions import NewTask
from tests.nursery import ROOT, Process, Streams, nursery
from tests.servers import free_port, redis_command

KEY = "sk-overnight-test"
PATIENCE = 120.0


def until(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Waits for a condition and gives its value; fails after `patience` seconds, saying what did not come."""
    ends = time.monotonic() + patience
    while time.monotonic() < ends:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {patience:.0f} s: {what}")


class Cluster:
    """Start what the test needs; everything still running at the end is ended."""

    def __init__(self, folder: Path, database_url: str, **settings: str) -> None:
        self.folder = folder
        self.redis_port, self.sim_port, self.api_port = free_port(), free_port(), free_port()
        self.redis_url = f"redis://127.0.0.1:{self.redis_port}/0"
        self.database = Database(database_url, masters=masters.read(settings.get("encryption_keys", "")))
        self.processes: dict[str, Process] = {}
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("OVERNIGHT_", "ANTHROPIC_"))},
            "OVERNIGHT_DATABASE_URL": database_url,
            "OVERNIGHT_REDIS_URL": self.redis_url,
            "OVERNIGHT_ANTHROPIC_BASE_URL": f"http://127.0.0.1:{self.sim_port}",
            "OVERNIGHT_DATA_DIR": str(folder),
            "OVERNIGHT_CONCURRENCY": "40",
            **{f"OVERNIGHT_{name.upper()}": value for name, value in settings.items()},
        }

    # Processes

    def start_redis(self) -> None:
        self._spawn("redis", redis_command(self.redis_port, self.folder))
        until(lambda: self._answers(lambda: Redis.from_url(self.redis_url).ping()), "Redis")

    def start_simulator(self, latency: float = 0.0, deltas: int = 5) -> None:
        self._module(
            "sim", "ops.simulator", "--port", str(self.sim_port), "--latency", str(latency), "--deltas", str(deltas)
        )
        until(lambda: self._answers(lambda: self.sim("GET", "/sim/stats")), "the simulator")

    def start_worker(self, name: str = "w1") -> None:
        options = ["--without-gossip", "--without-mingle", "-n", f"{name}@%h", "-l", "WARNING"]
        self._module(name, "celery", "-A", "worker.app", "worker", *options)

    def start_beat(self, name: str = "beat") -> None:
        self._module(name, "celery", "-A", "worker.app", "beat", "-l", "ERROR")

    def start_api(self) -> None:
        with self.database.write() as connection:
            keys.add(connection, "test", KEY)
        options = ["--factory", "--port", str(self.api_port), "--log-level", "warning"]
        self._module("api", "uvicorn", "api.app:create_app", *options)
        until(lambda: self._answers(lambda: httpx2.get(f"{self.api_url}/healthz").raise_for_status()), "the API")

    def start(self, name: str, command: list[str], **environment: str) -> None:
        """A process of somebody else's."""
        self._spawn(name, command, environment)

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes.pop(name).wait()

    def terminate(self, name: str, patience: float = 30.0) -> float:
        """SIGTERM; gives the seconds until the process was gone."""
        began = time.monotonic()
        process = self.processes.pop(name)
        process.terminate()
        process.wait(patience)
        return time.monotonic() - began

    def signal(self, name: str, number: signal.Signals) -> None:
        self.processes[name].send_signal(number)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def close(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
        for process in self.processes.values():
            process.wait()
        self.database.close()

    # Work

    def submit(self, prompt: str, session_id: str | None = None, model: str = "claude-sonnet-5-5") -> Task:
        """As the API does it, without HTTP; sends no wake-up when Redis is down."""
        new = NewTask([{"type": "text", "text": prompt}])
        with self.database.write() as connection:
            if session_id is None:
                session = NewSession(model=model, max_tokens=1_000)
                accepted = sessions.create(connection, DEFAULT_WORKSPACE, session, [new], idle_check=0)[0]
            else:
                accepted = submissions.submit(connection, DEFAULT_WORKSPACE, session_id, new, max_age=0)
        if accepted.wake:
            self.after_commit.wake(accepted.task.session_id, accepted.task.id)
        return accepted.task

    @property
    def after_commit(self) -> AfterCommit:
        if not hasattr(self, "_after_commit"):
            self._after_commit = AfterCommit(self.redis_url)
        return self._after_commit

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    def api(self, method: str, path: str, timeout: float = 30.0, **kwargs: Any) -> httpx2.Response:
        headers = {"x-api-key": KEY, **kwargs.pop("headers", {})}
        return httpx2.request(method, self.api_url + path, headers=headers, timeout=timeout, **kwargs)

    def sim(self, method: str, path: str, **kwargs: Any) -> Any:
        answer = httpx2.request(method, f"http://127.0.0.1:{self.sim_port}{path}", timeout=30, **kwargs)
        return answer.raise_for_status().json()

    def task(self, task_id: str) -> Task:
        with self.database.read() as connection:
            return tasks.get(connection, DEFAULT_WORKSPACE, task_id)

    def wait_for(self, task: Task, *statuses: str, patience: float = PATIENCE) -> Task:
        wanted = statuses or ("succeeded", "failed", "cancelled")
        until(lambda: self.task(task.id).status in wanted, f"{task.id} {' or '.join(wanted)}", patience)
        return self.task(task.id)

    def wait_until_idle(self, patience: float = PATIENCE) -> None:
        unfinished = "SELECT count(*) FROM tasks WHERE status NOT IN ('succeeded', 'failed', 'cancelled')"
        until(lambda: self.rows(unfinished)[0][0] == 0, "every task ended", patience)

    def ledger(self, session_id: str) -> Any:
        with self.database.read() as connection:
            return ledger.load(connection, session_id, 0)

    def rows(self, statement: str) -> list[Row[Any]]:
        """Asks again while the database is away."""
        return until(lambda: self._rows(statement), statement)[0]  # type: ignore[no-any-return]

    # Within

    def _module(self, name: str, module: str, *arguments: str) -> None:
        log = Streams.log(self.folder / f"{name}.log")
        self.processes[name] = nursery().start(module, arguments, self.env, ROOT, log)

    def _spawn(self, name: str, command: list[str], environment: dict[str, str] | None = None) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=self.env if environment is None else environment,
                cwd=ROOT,
            )

    def _rows(self, statement: str) -> tuple[list[Row[Any]]] | None:
        try:
            with self.database.read() as connection:
                return (list(connection.execute(text(statement))),)
        except Exception as error:
            if not is_down(error):
                raise
            return None

    def wait_for_workers(self, *names: str) -> None:
        """Until each has reported itself: then it also takes messages, or is about to."""
        recent = "SELECT name FROM nodes WHERE role = 'worker'"
        until(
            lambda: {row[0].partition("@")[0] for row in self.rows(recent)} >= set(names),
            f"workers {', '.join(names)}; {[self.log(name)[-2000:] for name in names]}",
        )

    @staticmethod
    def _answers(question: Callable[[], object]) -> bool:
        try:
            question()
        except Exception:
            return False
        return True


@contextmanager
def cluster(folder: Path, database_url: str, **settings: str) -> Iterator[Cluster]:
    made = Cluster(folder, database_url, **settings)
    try:
        yield made
    finally:
        made.close()
