"""A session's events as lines: for people one with its time and what it says, for programs its JSON."""

import json
from types import TracebackType
from typing import Any, Self

from overnight.cli import phrases
from overnight.cli.asks import LONGEST_INPUT, Asks, Place
from overnight.cli.exits import Unreachable
from overnight.cli.output import for_stdout, local_time, note, shortened, warn, write, write_json_line

Json = dict[str, Any]


class EventLines:
    def __init__(self, place: Place, *, as_json: bool) -> None:
        self.as_json = as_json
        self._asks = Asks(place)
        self._task_id: str | None = None
        self._trouble = ""

    def only_of(self, task_id: str) -> None:
        """Leaves out what belongs to other tasks of the session."""
        self._task_id = task_id

    def announce(self, text: str) -> None:
        warn(text)

    def show_task(self, task: Json) -> None:
        """The events tell it, but not how to answer what it waits for."""
        self._trouble = ""
        for line in [] if self.as_json else self._asks.new(task):
            note(line)

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


def requires_an_answer(event: Json) -> bool:
    """Whether the session says that it waits for somebody."""
    reason = event.get("stop_reason")
    return isinstance(reason, dict) and reason.get("type") == "requires_action"


def _said(event: Json) -> str:
    """What a person wants to read of it, indented if it has several lines."""
    text = text_of(event.get("content"))
    if not text and isinstance(event.get("error"), dict):
        text = f"{event['error'].get('type')}: {event['error'].get('message')}"
    if not text:
        text = _of_a_call(event)
    if not text and isinstance(event.get("stop_reason"), dict):
        text = str(event["stop_reason"].get("type", ""))
    if "\n" not in text:
        return f"  {text}" if text else ""
    return "".join(f"\n    {line}" for line in text.splitlines())


def _of_a_call(event: Json) -> str:
    """What is called, what was answered to it, or how far it says it is."""
    match event:
        case {"name": str(name), "input": given}:
            return f"{name} {shortened(json.dumps(given, ensure_ascii=False), LONGEST_INPUT)}"
        case {"tool_use_id": str(call), "result": str(verdict)}:
            return " ".join(filter(None, [verdict, call, event.get("deny_message")]))
        case {"note": str(), "fraction": _}:
            return phrases.progress({"progress": event})
    return ""


def text_of(content: object) -> str:
    """The text blocks of a message; what is no text is named."""
    blocks = content if isinstance(content, list) else []
    return "\n".join(block["text"] if block.get("type") == "text" else f"[{block.get('type')}]" for block in blocks)
