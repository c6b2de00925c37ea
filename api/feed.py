"""What one listener hears of one session between two looks into SQL."""

import asyncio
from collections import deque
from typing import Any

from anyio import move_on_after

from overnight import event_types

MOST_FRAMES = 1_000
MOST_CLOSED = 64

Frame = dict[str, Any]


class Feed:
    """One listener to one session: whether SQL may have something new, and frames of the event types it asked for."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self.nudged = False
        self._wanted = wanted
        self._frames: deque[Frame] = deque()
        self._open: set[str] = set()
        self._closed: deque[str] = deque(maxlen=MOST_CLOSED)
        self._bell = asyncio.Event()

    @property
    def wants_frames(self) -> bool:
        return bool(self._wanted)

    def nudge(self) -> None:
        self.nudged = True
        self._bell.set()

    def hear(self, frame: Frame) -> None:
        """Keeps the frame if it belongs to a preview that was heard from its start."""
        if frame["type"] == event_types.EVENT_START:
            if frame["event"]["type"] in self._wanted and frame["event"]["id"] not in self._closed:
                self._open.add(frame["event"]["id"])
                self._keep(frame)
        elif event_of(frame) in self._open:
            self._keep(frame)

    def close_preview(self, event_id: str) -> None:
        """The event itself is being sent: what is still said of it comes too late."""
        if not self._wanted:
            return
        self._open.discard(event_id)
        self._closed.append(event_id)
        self._frames = deque(frame for frame in self._frames if event_of(frame) != event_id)

    def take_frames(self) -> list[Frame]:
        frames = list(self._frames)
        self._frames.clear()
        return frames

    async def wait(self, seconds: float) -> None:
        """Until there is something to look at, at most so long."""
        with move_on_after(max(seconds, 0)):
            await self._bell.wait()
        self._bell.clear()

    def _keep(self, frame: Frame) -> None:
        if len(self._frames) >= MOST_FRAMES:  # a reader this slow is better off with the finished events
            self._frames.clear()
            self._open.clear()
            return
        self._frames.append(frame)
        self._bell.set()


def event_of(frame: Frame) -> str:
    """The id of the event that the frame is part of."""
    return str(frame["event"]["id"] if frame["type"] == event_types.EVENT_START else frame["event_id"])
