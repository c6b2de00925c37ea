"""`watch`: every event once and in order, also when the connection is lost."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import pytest

from overnight.cli.address import local_address
from tests.cli.support import Shell, until


class Proxy:
    """Passes bytes between clients and a server, and cuts every connection when it is told to."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.taken = 0
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for side in pair:
                with suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.taken += 1
                far = socket.create_connection(("127.0.0.1", self._target))
                self._pairs.append((near, far))
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError), source, sink:
        while some := source.recv(65_536):
            sink.sendall(some)
        sink.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy_to(client: Shell) -> Iterator[tuple[Proxy, Shell]]:
    address = local_address(client.data)
    assert address is not None
    proxy = Proxy(urlsplit(address.base_url).port or 0)
    url = f"http://127.0.0.1:{proxy.port}"
    try:
        yield proxy, client.with_settings(OVERNIGHT_URL=url, OVERNIGHT_API_KEY=address.key)
    finally:
        proxy.close()


def test_a_task_from_its_first_event_to_itself(client: Shell) -> None:
    task_id = client.run("submit", "Say hello. [[sim latency=1 deltas=4]]").expect(0).out.strip()
    *events, task = client.run("watch", task_id, "--all", "--json").expect(0).lines
    stored = [event["type"] for event in events if "processed_at" in event]
    assert stored[0] == "user.message"
    assert stored[-1] == "task.succeeded"
    assert "agent.message" in stored
    assert (task["id"], task["status"]) == (task_id, "succeeded")


def test_a_finished_task_is_shown_again(client: Shell) -> None:
    task_id = client.run("submit", "Say hello.", "--wait", "60", "--json").expect(0).json["id"]
    assert len(client.run("watch", task_id, "--json").expect(0).lines) == 1
    told = client.run("watch", task_id, "--all").expect(0).out
    assert "user.message  Say hello." in told
    assert "task.succeeded" in told


def test_how_the_task_ended_is_the_code(client: Shell) -> None:
    task_id = client.run("submit", "This cannot work. [[sim status=400]]").expect(0).out.strip()
    client.run("watch", task_id).expect(1)


def test_only_the_task_that_was_asked_for(client: Shell) -> None:
    first = client.run("submit", "One.", "--wait", "60", "--json").expect(0).json
    second = client.run("submit", "Two.", "--session", first["session_id"], "--wait", "60", "--json").expect(0).json
    *events, _ = client.run("watch", second["id"], "--all", "--json").expect(0).lines
    assert {event["task_id"] for event in events if "task_id" in event} == {second["id"]}


def test_a_session_until_it_is_deleted_across_lost_connections(client: Shell) -> None:
    session_id = client.run("submit", "One.", "--wait", "60", "--json").expect(0).json["session_id"]
    with proxy_to(client) as (proxy, through), through.start("watch", session_id, "--all", "--json") as watching:
        for prompt in ("Two.", "Three."):
            watching.wait_until_it_says("session.status_idle")
            before = proxy.taken
            proxy.cut()
            until(lambda: proxy.taken > before, "a new connection")  # noqa: B023
            client.run("submit", prompt, "--session", session_id, "--wait", "60").expect(0)
        client.run("sessions", "delete", session_id).expect(0)
        events = watching.end().expect(0).lines
    stored = [event["id"] for event in events if "processed_at" in event]
    assert len(stored) == len(set(stored))
    said = [event["content"][0]["text"] for event in events if event["type"] == "user.message"]
    assert said == ["One.", "Two.", "Three."]
    assert events[-1]["type"] in {"session.deleted", "session.status_terminated"}


@pytest.mark.parametrize("cuts", [3])
def test_a_task_is_followed_to_its_end_across_lost_connections(client: Shell, cuts: int) -> None:
    with proxy_to(client) as (proxy, through), through.start("run", "Slowly. [[sim latency=6 deltas=60]]") as running:
        running.wait_until_it_says("running")
        for _ in range(cuts):
            before = proxy.taken
            proxy.cut()
            until(lambda: proxy.taken > before, "a new connection")  # noqa: B023
        said = running.end().expect(0)
    assert said.out.count("Slowly.") == 1
    assert "succeeded in" in said.err


def test_ctrl_c_ends_the_watching_and_nothing_else(client: Shell) -> None:
    task_id = client.run("submit", "Slowly. [[sim latency=120]]").expect(0).out.strip()
    with client.start("watch", task_id, "--all") as watching:
        watching.wait_until_it_says("span.model_request_start")
        watching.signal(signal.SIGINT)
        said = watching.end().expect(130)
    assert said.err == ""
    assert client.run("status", task_id, "--json").json["status"] == "running"
    client.run("cancel", task_id).expect(0)
