"""What travels over Redis pub/sub, for speed only: hints that SQL has news, and Claude's words as they come."""

import json
from typing import Any

WATCH = "overnight:watch"  # an api process → workers: somebody listens to this session, words and news
STOP = "overnight:stop"  # an api process → workers: look at once whether this session's task is to stop
SOCKET_TIMEOUT = 2.0  # seconds; a frozen Redis costs nobody more
WATCH_SECONDS = 30.0  # how long a watch lasts; whoever listens repeats it sooner

NUDGE = ""  # on a session's channel: look into SQL


def channel(session_id: str) -> str:
    return f"overnight:live:{session_id}"


def encode(frame: dict[str, Any]) -> str:
    """A frame that is streamed as it is and never stored: `event_start` or `event_delta`."""
    return json.dumps(frame, separators=(",", ":"))


def decode(message: str) -> dict[str, Any] | None:
    """The frame of a channel's message; None for a nudge."""
    return json.loads(message) if message else None


def event_start(event_id: str) -> dict[str, Any]:
    return {"type": "event_start", "event": {"type": "agent.message", "id": event_id}}


def event_delta(event_id: str, text: str) -> dict[str, Any]:
    delta = {"type": "content_delta", "index": 0, "content": {"type": "text", "text": text}}
    return {"type": "event_delta", "event_id": event_id, "delta": delta}
