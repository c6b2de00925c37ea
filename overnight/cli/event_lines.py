"""A session's events as lines: for people one with its time and what it says, for programs its JSON."""

from types import TracebackType
from typing import Any, Self

from overnight.cli.exits import Unreachable
from overnight.cli.output import for_stdout, local_time, note, warn, write, write_json_line

Json = dict[str, Any]


class EventLines:
    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._task_id: str | None = None
        self._trouble = ""

    def only_of(self, task_id: str) -> None:
        """Leaves out what belongs to other tasks of the session."""
        self._task_id = task_id

    def announce(self, text: str) -> None:
        warn(text)

    def show_task(self, task: Json) -> None:
        """The events tell it."""
        self._trouble = ""

    def show_event(self, event: Json) -> None:
        self._trouble = ""
        if self._task_id is not None and not is_about(event, self._task_id):
            return
        if self.as_json:
            write_json_line(event)
        elif "processed_at" in event:  # what Claude is about to say comes again as a whole
            write(for_stdout(f"{local_time(event['processed_at'])}  {event['type']}{_said(event)}"))

    def show_trouble(self, trouble: Unreachable) -> None:
        if str(trouble) != self._trouble:
            self._trouble = str(trouble)
            note(f"connection lost, trying again: {trouble}")

    def show_answer(self, task: Json) -> None:
        """The events have told it."""

    def close(self) -> None:
        """Nothing to put away."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def is_about(event: Json, task_id: str) -> bool:
    """Whether an event is the task's or the whole session's, and not another task's."""
    return bool(event.get("task_id", task_id) == task_id)


def _said(event: Json) -> str:
    """What a person wants to read of it, indented if it has several lines."""
    text = text_of(event.get("content"))
    if not text and isinstance(event.get("error"), dict):
        text = f"{event['error'].get('type')}: {event['error'].get('message')}"
    if not text and isinstance(event.get("stop_reason"), dict):
        text = str(event["stop_reason"].get("type", ""))
    if "\n" not in text:
        return f"  {text}" if text else ""
    return "".join(f"\n    {line}" for line in text.splitlines())


def text_of(content: object) -> str:
    """The text blocks of a message; what is no text is named."""
    blocks = content if isinstance(content, list) else []
    return "\n".join(block["text"] if block.get("type") == "text" else f"[{block.get('type')}]" for block in blocks)
