"""Overnight's own tools: what Claude is told of each, and what its input means. The worker carries them out."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from overnight.tools.errors import BadInput

LONGEST_WAIT = timedelta(days=366)
MOST_CHOICES = 20


@dataclass(frozen=True, slots=True)
class Progress:
    note: str
    fraction: float | None  # 0 to 1


@dataclass(frozen=True, slots=True)
class Question:
    question: str
    choices: tuple[str, ...]  # empty: any answer


def _tool(name: str, description: str, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {"name": name, "description": description, "input_schema": schema}


WAIT = _tool(
    "wait",
    "Wait before you go on: for a number of seconds, or until a point in time. Minutes, days and months are all fine, "
    "and waiting costs nothing. Give exactly one of the two. The result says when you woke up.",
    {
        "seconds": {"type": "number", "exclusiveMinimum": 0, "description": "How long, in seconds."},
        "until": {"type": "string", "description": "When, in ISO 8601 with a time zone, as 2030-01-31T09:00:00Z."},
    },
    [],
)
REPORT_PROGRESS = _tool(
    "report_progress",
    "Tell those who wait for this task how far you are. Use it at every turning point of long work.",
    {
        "note": {"type": "string", "description": "What you are doing, in one line."},
        "fraction": {"type": "number", "minimum": 0, "maximum": 1, "description": "How much is done, if you can tell."},
    },
    ["note"],
)
ASK_HUMAN = _tool(
    "ask_human",
    "Ask the person you work for, and wait for the answer, which may take days. Only for what you cannot find out or "
    "decide yourself.",
    {
        "question": {"type": "string", "description": "One question, with all that is needed to answer it."},
        "choices": {
            "type": "array",
            "items": {"type": "string"},
            "maxItems": MOST_CHOICES,
            "description": "Answers to choose from, if there are only a few.",
        },
    },
    ["question"],
)

DEFINITIONS: dict[str, dict[str, Any]] = {tool["name"]: tool for tool in (WAIT, REPORT_PROGRESS, ASK_HUMAN)}


def read_wait(given: dict[str, Any], now: datetime) -> datetime:
    """When to wake up, in the time zone of `now`, which must have one. Raises `BadInput`."""
    _only(given, "seconds", "until")
    seconds, until = given.get("seconds"), given.get("until")
    if (seconds is None) == (until is None):
        raise BadInput("seconds, until: give exactly one of them")
    due = _after(seconds, now) if until is None else _moment(until, now)
    if until is not None and due <= now:
        raise BadInput(f"until: {until} is past; it is {now.isoformat(timespec='seconds')} now")
    if due - now > LONGEST_WAIT:
        raise BadInput(f"{'until' if seconds is None else 'seconds'}: at most {LONGEST_WAIT.days} days ahead")
    return due


def read_progress(given: dict[str, Any]) -> Progress:
    """Raises `BadInput`."""
    _only(given, "note", "fraction")
    fraction = given.get("fraction")
    if fraction is not None and not (_is_number(fraction) and 0 <= fraction <= 1):
        raise BadInput(f"fraction: must be a number from 0 to 1, not {fraction!r}")
    return Progress(_text(given, "note"), None if fraction is None else float(fraction))


def read_question(given: dict[str, Any]) -> Question:
    """Raises `BadInput`."""
    _only(given, "question", "choices")
    choices = given.get("choices") or []
    if not isinstance(choices, list) or not all(isinstance(choice, str) and choice.strip() for choice in choices):
        raise BadInput("choices: must be a list of texts that are not empty")
    if len(choices) > MOST_CHOICES or len(set(choices)) < len(choices):
        raise BadInput(f"choices: at most {MOST_CHOICES}, and each of them once")
    return Question(_text(given, "question"), tuple(choices))


def _after(seconds: Any, now: datetime) -> datetime:
    if not _is_number(seconds) or seconds <= 0:
        raise BadInput(f"seconds: must be a number above 0, not {seconds!r}")
    if seconds > LONGEST_WAIT.total_seconds():
        raise BadInput(f"seconds: at most {LONGEST_WAIT.days} days")
    return now + timedelta(seconds=seconds)


def _moment(until: Any, now: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(until)
        if moment.tzinfo is None:
            raise BadInput(f"until: {until} has no time zone; add one, as in 2030-01-31T09:00:00Z")
        return moment.astimezone(now.tzinfo)
    except (TypeError, ValueError, OverflowError):
        raise BadInput(f"until: must be a time in ISO 8601, as 2030-01-31T09:00:00Z, not {until!r}") from None


def _text(given: dict[str, Any], field: str) -> str:
    text = given.get(field)
    if not isinstance(text, str) or not text.strip():
        raise BadInput(f"{field}: must be a text that is not empty")
    return text.strip()


def _only(given: dict[str, Any], *fields: str) -> None:
    if unknown := sorted(set(given) - set(fields)):
        raise BadInput(f"{', '.join(unknown)}: unknown; there are only {' and '.join(fields)}")


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)
