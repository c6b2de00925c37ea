"""What a task waits for that somebody must answer: in words, and with the command that answers it."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overnight.cli.output import harmless, shortened

CONFIRMATION = "tool_confirmation"
RESULT = "custom_tool_result"
LONGEST_INPUT = 300

Json = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where the commands that are shown are to look for the server; nothing where that is the default."""

    data_dir: Path | None = None
    url: str | None = None

    def command(self, name: str, *arguments: str) -> str:
        """As a shell takes it."""
        where = ["--data-dir", str(self.data_dir)] if self.data_dir else []
        where += ["--url", self.url] if self.url else []
        return shlex.join(["overnight", name, *where, *arguments])


class Asks:
    """Tells each call once."""

    def __init__(self, place: Place | None = None) -> None:
        self._place = place or Place()
        self._told: set[str] = set()

    def new(self, task: Json) -> list[str]:
        """Lines for the calls that were not told before."""
        calls = [call for call in pending(task) if call["id"] not in self._told]
        self._told = {call["id"] for call in pending(task)}  # one that a crash has cut off is told again
        return [line for call in calls for line in lines(task, call, self._place)]


def pending(task: Json) -> list[Json]:
    calls: list[Json] = task.get("pending") or []
    return calls


def lines(task: Json, call: Json, place: Place) -> list[str]:
    """What is wanted, and below it the commands."""
    subject = [task["id"], call["id"]] if _has_siblings(task, call) else [task["id"]]
    if call["type"] == CONFIRMATION:
        how = [place.command("approve", *subject), place.command("deny", *subject)]
    else:
        how = [place.command("answer", *subject, "TEXT")]
    return [wanted(call), *(f"    {command}" for command in how)]


def wanted(call: Json) -> str:
    """One line, or as many as a question has."""
    if call["type"] == CONFIRMATION:
        return f"to be allowed or denied: {said(call)}{_because(call)}"
    if (question := call.get("question")) is not None:
        return f"a question: {harmless(question)}{_choices(call)}"
    return f"to be answered by the client: {said(call)}"


def said(call: Json) -> str:
    """`send_mail {"to": "ann"}`."""
    return shortened(harmless(f"{call['name']} {json.dumps(call['input'], ensure_ascii=False)}"), LONGEST_INPUT)


def _because(call: Json) -> str:
    return " (its worker died while it ran; to allow it runs it again)" if call.get("because") == "crash" else ""


def _choices(call: Json) -> str:
    choices: Sequence[str] = call.get("choices") or []
    return f" ({' / '.join(harmless(choice) for choice in choices)})" if choices else ""


def _has_siblings(task: Json, call: Json) -> bool:
    return len([other for other in pending(task) if other["type"] == call["type"]]) > 1
