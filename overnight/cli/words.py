"""Claude's words put together from a session's events: what is new to show, each word once."""

from typing import Any

CUT_OFF = "\n[the reply was cut off; Claude starts again]\n"

Json = dict[str, Any]


class Words:
    """Of one task: deltas while Claude speaks, then the stored message for whatever they missed.

    A session says one thing at a time, which may still be the answer to an earlier task: what is heard before the
    task runs is kept back, and dropped when it turns out to be another's.
    """

    def __init__(self, task_id: str) -> None:
        self._task_id = task_id
        self._event_id: str | None = None
        self._heard = ""
        self._shown = 0
        self._is_stored = False

    def take(self, event: Json, *, is_running: bool) -> str:
        """What an event adds to what is shown; mostly nothing."""
        match event["type"]:
            case "event_start":
                return self._begin(event["event"]["id"])
            case "event_delta" if event["event_id"] == self._event_id:
                self._heard += event["delta"]["content"]["text"]
            case "agent.message":
                return self._store(event) if event.get("task_id") == self._task_id else self._begin(None)
        return self._rest() if is_running else ""

    def finish(self, output: str) -> str:
        """What the task's answer has beyond what was shown: the stream may have ended before it was all there."""
        if self._is_stored:
            return ""
        before = ""
        if not output.startswith(self._heard[: self._shown]):
            before, self._shown = CUT_OFF, 0
        self._heard = output
        return before + self._rest()

    def _store(self, event: Json) -> str:
        text = "".join(block["text"] for block in event["content"] if block["type"] == "text")
        before = "" if event["id"] == self._event_id else self._begin(event["id"])
        whole = before + self.finish(text)
        self._event_id, self._heard, self._shown, self._is_stored = None, "", 0, True
        return whole

    def _begin(self, event_id: str | None) -> str:
        cut_off = self._shown > 0 and event_id != self._event_id
        self._event_id, self._heard, self._shown, self._is_stored = event_id, "", 0, False
        return CUT_OFF if cut_off else ""

    def _rest(self) -> str:
        new, self._shown = self._heard[self._shown :], len(self._heard)
        return new
