"""What the API's tests play with: a real Redis, the API as a real process, and a worker's hand in the database."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx2
from redis import Redis, RedisError

from overnight.expiry import Limits
from overnight.models import Task, ToolCall
from overnight.pricing import Tokens
from overnight.states import WaitReason
from overnight.store import leases, pauses, tasks, tool_turns, turns
from overnight.store.calls import Call
from overnight.store.database import Database
from overnight.store.turn import Pause, Reply, Turn
from overnight.tools.own import Progress
from tests import asking
from tests.asking import Wish
from tests.nursery import ROOT, Streams, nursery
from tests.servers import free_port, redis_command

KEY = "sk-overnight-test-key"
NOWHERE = Path(os.devnull)
MODEL = "claude-haiku-4-5"


def until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Waits for a condition and gives what it came to."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        time.sleep(0.02)
    return value


class RedisServer:
    """A real one, that can be killed, started again, frozen and thawed."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = Redis.from_url(self.url, decode_responses=True, socket_timeout=5)
        self._folder = folder
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(redis_command(self.port, self._folder), stdout=subprocess.DEVNULL)
        until(self._answers)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.thaw()
        self.kill()
        self.client.close()

    def listeners(self, channel: str) -> int:
        return int(self.client.pubsub_numsub(channel)[0][1])

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except RedisError:
            return False


class Api:
    """`uvicorn api.app:create_app --factory` on a free port."""

    def __init__(self, database_url: str, redis_url: str, *, log: Path = NOWHERE, **settings: str) -> None:
        self.port = free_port()
        self.database_url = database_url
        self.url = f"http://127.0.0.1:{self.port}"
        given = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "API_KEY": KEY, **settings}
        environment = {**os.environ, **{f"OVERNIGHT_{name}": value for name, value in given.items()}}
        options = ["--factory", "--port", str(self.port), "--log-level", "warning"]
        self.process = nursery().start("uvicorn", ["api.app:create_app", *options], environment, ROOT, Streams.log(log))
        self.client = self.new_client()
        until(self._answers, 90)

    def new_client(self, key: str = KEY) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, headers={"x-api-key": key}, timeout=30, trust_env=False)

    def close(self) -> int:
        """Asks it to stop, and gives its exit code."""
        self.client.close()
        self.process.terminate()
        return self.process.wait(20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        assert self.process.poll() is None, "the API did not start"
        try:
            return self.client.get("/healthz").status_code == 200
        except httpx2.TransportError:
            return False


class Worker:
    """Does in the database what a worker does, step by step, without Claude."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def answer(self, session_id: str, text: str = "Done.", event_id: str = "sevt_answer") -> None:
        """Runs the session's first task to its end."""
        self.succeed(self.begin(session_id), text, event_id)

    def begin(self, session_id: str) -> Turn:
        with self._database.write() as connection:
            lease = leases.acquire(connection, session_id, "worker#1", 60)
            head = tasks.head(connection, session_id)
            assert lease is not None
            assert head is not None
            return turns.begin(connection, lease, head, Limits(0, 0, 0))

    def succeed(self, turn: Turn, text: str = "Done.", event_id: str = "sevt_answer") -> Task | None:
        call = Call(MODEL, Tokens(input_tokens=1_000, output_tokens=200), duration_ms=5, message_id="msg_1")
        with self._database.write() as connection:
            return turns.succeed(
                connection, turn, Reply([{"type": "text", "text": text}], "end_turn", text, call, event_id)
            )

    def fail(self, session_id: str) -> None:
        turn = self.begin(session_id)
        with self._database.write() as connection:
            turns.fail(connection, turn, {"type": "invalid_request_error", "message": "no"}, None)

    def ask(self, session_id: str, *wishes: Wish) -> list[ToolCall]:
        """Claude asks for these calls, and the session is let go to wait for whoever must answer."""
        turn = self.begin(session_id)
        with self._database.write() as connection:
            turn, calls = asking.ask(connection, turn, wishes)
            turn = asking.begin(connection, turn, calls, wishes)
            assert asking.let_go(connection, turn)
        return calls

    def take_up(self, session_id: str) -> list[dict[str, Any]]:
        """The results of the step, which a worker delivers to Claude; none while some are missing."""
        turn = self._resume(session_id)
        with self._database.write() as connection:
            settled = tool_turns.settle(connection, turn, ())
        return settled[1][0][1] if settled and settled[1] else []

    def report(self, session_id: str, note: str, fraction: float | None) -> None:
        turn = self._resume(session_id)
        with self._database.write() as connection:
            asking.report(connection, turn, Progress(note, fraction))
            assert asking.let_go(connection, turn)

    def exhaust(self, session_id: str, steps: int, error: str = "max_steps_exceeded") -> None:
        """The task fails after so many steps."""
        turn = self.begin(session_id)
        with self._database.write() as connection:
            tasks.keep(connection, turn.task, steps=steps)
            turns.fail(connection, turn, {"type": error, "message": "enough"}, None)

    def _resume(self, session_id: str) -> Turn:
        with self._database.write() as connection:
            lease = leases.acquire(connection, session_id, "worker#1", 60)
            head = tasks.head(connection, session_id)
            assert lease is not None
            assert head is not None
            return Turn(lease, head, None, Limits(0, 0, 0))

    def rest(self, session_id: str) -> None:
        """A worker that is woken and finds nothing to do."""
        with self._database.write() as connection:
            lease = leases.acquire(connection, session_id, "worker#1", 60)
            assert lease is not None
            assert pauses.rest(connection, lease, Limits(0, 0, 0)) is None

    def park(self, session_id: str, reason: WaitReason = WaitReason.RETRY, delay: float = 600.0) -> None:
        turn = self.begin(session_id)
        with self._database.write() as connection:
            pauses.park(connection, turn, Pause(reason, delay, {"type": "overloaded_error", "message": "busy"}), None)


class Records:
    """The records of an event stream, one after the other."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.lines = lines

    def __iter__(self) -> Iterator[dict[str, str]]:
        record: dict[str, str] = {}
        for line in self.lines:
            name, _, value = line.partition(": ")
            if line == "" and record:
                yield record
                record = {}
            elif line and not line.startswith(":"):
                record[name] = value


@contextmanager
def streaming(client: httpx2.Client, session_id: str, query: str = "", **headers: str) -> Iterator[Records]:
    """Attached to a session's events."""
    path = f"/v1/sessions/{session_id}/events/stream{query}"
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    with client.stream("GET", path, headers=sent) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Records(response.iter_lines())
