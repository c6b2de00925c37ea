"""What of each table goes into a file: all that was said and done, nothing of who works on it at the moment."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlmodel import SQLModel, col

from overnight.context_models import Context, Pin
from overnight.models import AgentVersion, Event, Message, ModelCall, Session, Task, ToolCall

SESSION_FORMAT, USER_FORMAT = "overnight.session", "overnight.user"
VERSION = 1

#: Columns with other names on the wire.
NAMES = {"labels": "metadata"}
#: Said by the file as a whole, or nobody's business elsewhere.
EVERYWHERE = {"workspace_id", "session_id"}
AT_WORK = {"lease_owner", "lease_token", "lease_expires_at", "wake_at", "wakes", "idle_since", "notified_at"}
#: How it ends, and what goes on for it: as the place says to which it comes.
AT_HOME = {"expiry", "ends_at", "kept_until", "archiving_since", "continues", "continued_by"}


@dataclass(frozen=True, slots=True)
class Section:
    """Rows of one table, in an order that stays; `left_out`: columns that stay at home."""

    name: str
    table: type[SQLModel]
    order: tuple[str, ...]
    left_out: frozenset[str] = frozenset()

    @property
    def columns(self) -> tuple[str, ...]:
        return _columns(self)

    @property
    def ordered_by(self) -> list[Any]:
        return [col(getattr(self.table, name)) for name in self.order]


@cache
def _columns(section: Section) -> tuple[str, ...]:
    fields = section.table.model_fields
    return tuple(name for name in fields if name not in EVERYWHERE and name not in section.left_out)


RESERVED = {"reserved_nanousd", "reserved_tokens", "reserved_at"}
#: Where it came from is not there elsewhere.
ORIGIN = {"forked_from", "forked_at"}

SESSION = Section(
    "session",
    Session,
    ("id",),
    frozenset(AT_WORK | AT_HOME | ORIGIN | {"budget_warned", "summary_attempts", "paused_at"}),
)
AGENT = Section("agent", AgentVersion, ("agent_id",), frozenset({"agent_id", "version", "created_at", "expiry"}))
TASKS = Section(
    "tasks",
    Task,
    ("seq",),
    frozenset(RESERVED | {"budget_warned", "held_by", "retry_since", "agent_id", "agent_version"}),
)
MESSAGES = Section("messages", Message, ("seq",))
TOOL_CALLS = Section("tool_calls", ToolCall, ("message_seq", "place"))
EVENTS = Section("events", Event, ("seq",))
CONTEXTS = Section("contexts", Context, ("number",))
PINS = Section("pins", Pin, ("seq",))
CALLS = Section("calls", ModelCall, ("created_at", "id"))

#: As they follow each other in a file, after the session and its agent.
SECTIONS = (TASKS, MESSAGES, TOOL_CALLS, EVENTS, CONTEXTS, PINS, CALLS)
#: What was paid elsewhere was not paid here: it is told, and not taken over.
TAKEN_OVER = (TASKS, MESSAGES, TOOL_CALLS, EVENTS, CONTEXTS, PINS)


def wire_name(column: str) -> str:
    return NAMES.get(column, column)
