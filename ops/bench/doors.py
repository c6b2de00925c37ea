"""The ways in which a turn is handed over: each returns once it was accepted."""

import json
import socket
from http.client import HTTPConnection
from queue import LifoQueue
from typing import Any, Protocol
from urllib.parse import urlsplit
from zlib import crc32

from ops.bench.errors import BenchError
from ops.bench.work import Turn

#: Turns under way to each kind of door; a socket takes one line at a time.
AT_A_TIME = {"http": 8, "store": 4, "lines": 1}


class Door(Protocol):
    def submit(self, turn: Turn) -> None:
        """From any thread; a session's turns in order. Raises BenchError when it is refused."""

    def close(self) -> None:
        """Returns when all that was handed over is on its way."""


def open_door(kind: str, at_a_time: int, **how: Any) -> Door:
    if kind == "http":
        return HttpDoor(at_a_time, **how)
    if kind == "lines":
        return LineDoor(**how)
    from ops.bench.store_door import StoreDoor  # which brings the whole store with it

    return StoreDoor(at_a_time, **how)


class HttpDoor:
    """As a program elsewhere: `POST /v1/tasks` on connections that stay open."""

    def __init__(self, at_a_time: int, url: str, key: str) -> None:
        self._headers = {"x-api-key": key, "content-type": "application/json"}
        self._sessions: dict[str, str] = {}
        self._idle: LifoQueue[HTTPConnection] = LifoQueue()
        for _ in range(at_a_time):
            connection = HTTPConnection(urlsplit(url).netloc)
            connection.connect()
            self._idle.put(connection)

    def submit(self, turn: Turn) -> None:
        session_id = self._sessions.get(turn.session)
        task = self._post({"prompt": turn.prompt, **({"session_id": session_id} if session_id else {})})
        self._sessions[turn.session] = task["session_id"]

    def close(self) -> None:
        while not self._idle.empty():
            self._idle.get().close()

    def _post(self, body: dict[str, str]) -> Any:
        connection = self._idle.get()
        connection.request("POST", "/v1/tasks", json.dumps(body).encode(), self._headers)
        answer = connection.getresponse()
        told = answer.read()
        self._idle.put(connection)
        if answer.status != 202:
            raise BenchError(f"the API refused a task with {answer.status}: {told.decode(errors='replace')}")
        return json.loads(told)


class LineDoor:
    """To the bare script: a line on a socket, and no word back."""

    def __init__(self, ports: list[int]) -> None:
        self._sockets = [socket.create_connection(("127.0.0.1", port)) for port in ports]
        for each in self._sockets:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def submit(self, turn: Turn) -> None:
        chosen = self._sockets[crc32(turn.session.encode()) % len(self._sockets)]
        chosen.sendall(json.dumps([turn.session, turn.prompt]).encode() + b"\n")

    def close(self) -> None:
        for each in self._sockets:
            each.close()
