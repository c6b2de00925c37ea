"""Claude's words on their way to whoever listens: in small bundles, and only while somebody does."""

import asyncio

from overnight import live
from overnight.after_commit import AfterCommit
from overnight.ids import EVENT, new_id
from worker.hints import Hints

BUNDLE_SECONDS = 0.05


class Words:
    """The text of one reply, on the event loop; `event_id` is that of the `agent.message` that will be stored."""

    def __init__(self, session_id: str, hints: Hints, after_commit: AfterCommit) -> None:
        self.event_id = new_id(EVENT)
        self._session_id = session_id
        self._hints = hints
        self._after_commit = after_commit
        self._unsaid: list[str] = []
        self._started = False
        self._timer: asyncio.TimerHandle | None = None

    def hear(self, text: str) -> None:
        """Keeps `text`, and says it soon if the session is watched; who comes late gets all of it at once."""
        self._unsaid.append(text)
        if self._timer is None and self._hints.is_watched(self._session_id):
            self._timer = asyncio.get_running_loop().call_later(BUNDLE_SECONDS, self._say)

    def close(self) -> None:
        """Says what is left, if anybody listens."""
        if self._timer is not None:
            self._timer.cancel()
            self._say()

    def _say(self) -> None:
        self._timer = None
        if not self._started:
            self._started = True
            self._publish(live.event_start(self.event_id))
        self._publish(live.event_delta(self.event_id, "".join(self._unsaid)))
        self._unsaid = []

    def _publish(self, frame: dict[str, object]) -> None:
        self._after_commit.say(self._session_id, frame)
