"""Watches one task until it has ended: the stream tells when to look, and the task itself what is so."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from types import TracebackType
from typing import Any, Protocol

from overnight.cli.client import Client
from overnight.cli.exits import Unreachable
from overnight.cli.stream import Frame, Gap, events
from overnight.states import FINAL

PATIENCE = 30.0  # seconds for which a server may be away: an API that died is back sooner
POLL = 1.0  # seconds between two looks where the server does not wait for us
LIVE = {"event_start", "event_delta"}  # tell nothing about the task's state

Json = dict[str, Any]


class Screen(Protocol):
    """What shows a task to whoever waits for it; alive while its `with` block runs, or until it is closed."""

    def announce(self, text: str) -> None: ...

    def show_task(self, task: Json) -> None: ...

    def show_event(self, event: Json) -> None: ...

    def show_trouble(self, trouble: Unreachable) -> None: ...

    def show_answer(self, task: Json) -> None:
        """The last that is shown."""

    def close(self) -> None: ...

    def __enter__(self) -> "Screen": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...


class Person(Protocol):
    """Somebody who can be asked for what a task waits for."""

    def answer(self, client: Client, task: Json) -> None: ...


class Patience:
    """Bears a server that is away for so many seconds, and no longer."""

    def __init__(self, seconds: float = PATIENCE) -> None:
        self._seconds = seconds
        self._heard = time.monotonic()

    def look(self, client: Client, task_id: str, screen: Screen) -> Json | None:
        """The task, or None while the server is away. Raises Unreachable when patience is over."""
        try:
            task = client.task(task_id)
        except Unreachable as error:
            self.bear(error)
            screen.show_trouble(error)
            return None
        self.hear()
        screen.show_task(task)
        return task

    def hear(self) -> None:
        """The server has answered."""
        self._heard = time.monotonic()

    def bear(self, error: Unreachable) -> None:
        """It has not. Raises the error when patience is over."""
        if time.monotonic() - self._heard > self._seconds:
            raise error


def follow(
    client: Client,
    task: Json,
    screen: Screen,
    person: Person | None = None,
    *,
    last_event_id: str | None = None,
    patience: float = PATIENCE,
) -> Json:
    """The task as it ended. Raises Unreachable when the server stays away for `patience` seconds."""
    screen.show_task(task)
    patient = Patience(patience)
    with closing(events(client, task["session_id"], last_event_id)) as happenings:
        while not is_final(task):
            event = _next_event(happenings)
            if event is None or event["type"] not in LIVE:
                task = _look(client, task, screen, person, patient)
            if event is not None:
                screen.show_event(event)
    return task


def _look(client: Client, task: Json, screen: Screen, person: Person | None, patient: Patience) -> Json:
    found = patient.look(client, task["id"], screen)
    if found is not None and person is not None:
        person.answer(client, found)
    return found or task


def _next_event(happenings: Iterator[Frame | Gap]) -> Json | None:
    """None when the connection came or went."""
    happening = next(happenings)
    return happening.data if isinstance(happening, Frame) else None


def is_final(task: Json) -> bool:
    return task["status"] in FINAL


def wait_for(client: Client, task_id: str, seconds: float, tell: Callable[[Json], object]) -> Json:
    """The task as it ended, or as it is when `seconds` are over; `tell` hears of it meanwhile.

    Raises Unreachable when the server stays away.
    """
    deadline = time.monotonic() + seconds
    task = client.task(task_id, wait=seconds)
    patient = Patience()
    while not is_final(task) and (left := deadline - time.monotonic()) > 0:
        tell(task)
        if task["status"] == "waiting":  # such a task answers a long poll at once
            time.sleep(min(left, POLL))
        try:
            task = client.task(task_id, wait=left)
        except Unreachable as error:
            patient.bear(error)
            time.sleep(min(left, POLL))
        else:
            patient.hear()
    return task
