"""A session's events as they happen, across lost connections: what was stored is never missed, what was live may be."""

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import httpx2

from overnight.cli.client import Client, unreachable
from overnight.cli.exits import Unreachable

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0


@dataclass(frozen=True)
class Frame:
    """One event: its type and its JSON."""

    type: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Gap:
    """The connection came (`error` is None) or went: what is not stored may have been missed, so look."""

    error: Unreachable | None = None


def events(client: Client, session_id: str, last_event_id: str | None = None) -> Generator[Frame | Gap]:
    """From `last_event_id` on, or from now; never ends by itself. Raises CliError when the server refuses."""
    pause = FIRST_PAUSE
    while True:
        try:
            with client.stream(session_id, last_event_id) as source:
                pause = FIRST_PAUSE
                yield Gap()
                for sent in source:
                    last_event_id = sent.id or last_event_id
                    if isinstance(data := _data(sent), dict):
                        yield Frame(data.get("type", sent.event), data)
            lost = Unreachable("the event stream ended")
        except Unreachable as error:
            lost = error
        except httpx2.TransportError as error:
            lost = unreachable(client.base_url, error)
        yield Gap(lost)
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def _data(sent: httpx2.ServerSentEvent) -> object:
    try:
        return sent.json()
    except ValueError:
        return None  # a line that is no event, such as a proxy's
