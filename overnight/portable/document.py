"""A session as it was read from a file: its rows, and whether they belong together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from overnight.errors import InvalidRequest
from overnight.models import DEFAULT_AGENT
from overnight.states import FINAL, CallStatus, TaskStatus

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Document:
    """Rows by the names of their columns. `place` is where in the request it stands: empty, or as `sessions.3.`."""

    session: Row
    agent: Row | None
    tasks: Sequence[Row]
    messages: Sequence[Row]
    tool_calls: Sequence[Row]
    events: Sequence[Row]
    contexts: Sequence[Row]
    pins: Sequence[Row]
    exported_at: datetime
    place: str = ""

    def check(self) -> None:
        """Raises `InvalidRequest`, which names the first place that does not fit the others."""
        session = self.session
        self._check_order("tasks", session["inbox"], lambda row: row["seq"])
        self._check_order("messages", session["ledger_seq"], lambda row: row["seq"], whole=True)
        self._check_order("events", session["event_seq"], lambda row: row["seq"])
        self._check_order("contexts", session["context"], lambda row: row["number"], whole=True)
        self._check_order("pins", session["ledger_seq"], lambda row: row["seq"])
        self._check_order("tool_calls", (session["ledger_seq"], 2**63), lambda row: (row["message_seq"], row["place"]))
        for section in ("tasks", "events", "tool_calls"):
            self._check_unique(section)
        self._check_apart()
        self._check_states()
        for index, row in enumerate(self.contexts):
            if row["begin_after"] > session["ledger_seq"]:
                raise self._wrong(f"contexts.{index}.begin_after", "is beyond the end of the ledger")
        known = {row["id"] for row in self.tasks}
        for section in ("messages", "events", "tool_calls"):
            self._check_known(section, known)
        for name in ("context_from", "context_cut"):
            if session[name] > session["ledger_seq"]:
                raise self._wrong(f"session.{name}", "is beyond the end of the ledger, session.ledger_seq")
        if session["agent_id"] != DEFAULT_AGENT and self.agent is None:
            raise self._wrong("agent", "is required: the session has one of its own")

    def _check_order(self, section: str, end: Any, number: Callable[[Row], Any], *, whole: bool = False) -> None:
        """Numbers grow and end where the session says; `whole`: none is left out."""
        last: Any = None
        for index, row in enumerate(getattr(self, section)):
            at = number(row)
            if last is not None and at <= last:
                raise self._wrong(f"{section}.{index}", f"is not in order: {at} comes after {last}")
            if at > end or (whole and at != index + 1):
                wanted = index + 1 if whole else end
                raise self._wrong(f"{section}.{index}", f"is numbered {at}, which should be {wanted} or less")
            last = at
        if whole and (last or 0) != end:
            raise self._wrong(section, f"ends at {last or 0}, but the session says {end}: the file is not whole")

    def _check_states(self) -> None:
        """What the database would refuse, and steps of which nobody knows the calls."""
        asked = {row["message_seq"] for row in self.tool_calls}
        for index, row in enumerate(self.tasks):
            if (row["status"] == TaskStatus.WAITING) != (row["wait_reason"] is not None):
                raise self._wrong(f"tasks.{index}.wait_reason", f"does not go with the status, {row['status']}")
            if (row["status"] in FINAL) != (row["finished_at"] is not None):
                raise self._wrong(f"tasks.{index}.finished_at", f"does not go with the status, {row['status']}")
            if row["open_calls"] and row["ledger_end"] not in asked:
                raise self._wrong(f"tasks.{index}.open_calls", "are not among the tool_calls")
        for index, row in enumerate(self.tool_calls):
            if (row["status"] == CallStatus.DONE) != (row["finished_at"] is not None):
                raise self._wrong(f"tool_calls.{index}.finished_at", f"does not go with the status, {row['status']}")

    def _check_unique(self, section: str) -> None:
        seen = set()
        for index, row in enumerate(getattr(self, section)):
            if row["id"] in seen:
                raise self._wrong(f"{section}.{index}.id", f"{row['id']} is there twice")
            seen.add(row["id"])

    def _check_apart(self) -> None:
        """A call has the id of the event that tells of it; nobody else has another's."""
        taken = {self.session["id"]}
        for section in ("tasks", "events", "tool_calls"):
            for index, row in enumerate(getattr(self, section)):
                if row["id"] in taken:
                    raise self._wrong(f"{section}.{index}.id", f"{row['id']} is the id of something else, too")
            taken |= {row["id"] for row in self.tasks}

    def _check_known(self, section: str, known: set[str]) -> None:
        for index, row in enumerate(getattr(self, section)):
            if row["task_id"] is not None and row["task_id"] not in known:
                raise self._wrong(f"{section}.{index}.task_id", f"{row['task_id']} is not among the tasks")

    def _wrong(self, field: str, why: str) -> InvalidRequest:
        field = f"{self.place}{field}"
        return InvalidRequest(f"{field}: {why}; export it again", field=field)


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """With each string that is one of `names` replaced, however deep it stands."""
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, dict):
        return {name: renamed(inner, names) for name, inner in value.items()}
    if isinstance(value, list):
        return [renamed(inner, names) for inner in value]
    return value
