"""What clients do in the suite: agents with tools, sessions of each kind, and the waits between."""

import json
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from anthropic import Anthropic
from anthropic.types.beta import BetaManagedAgentsSession
from anthropic.types.beta.sessions import BetaManagedAgentsSessionEvent

from tests.conformance import ours
from tests.conformance.checker import additions, complaints
from tests.process.cluster import until

MODEL = "claude-haiku-4-5"
LOOK_UP: Any = {
    "type": "custom",
    "name": "look_up",
    "description": "Looks up.",
    "input_schema": {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]},
}
FILES: Any = {
    "type": "agent_toolset_20260401",
    "default_config": {"enabled": False},
    "configs": [
        {"name": "glob", "enabled": True},
        {"name": "write", "enabled": True, "permission_policy": {"type": "always_ask"}},
    ],
}
SEARCH: Any = {"type": "web_search_20260318", "name": "web_search"}
WRITE = {"file_path": "note.txt", "content": "noted"}


def says(words: str) -> Any:
    return {"type": "user.message", "content": [{"type": "text", "text": words}]}


def script(*replies: list[dict[str, Any]]) -> Any:
    """A message to which the simulator answers with these blocks, reply by reply."""
    return says(f"[[sim script={json.dumps(json.dumps(replies))}]]")


def call(name: str, kind: str = "tool_use", **given: Any) -> dict[str, Any]:
    return {"type": kind, "name": name, "input": given}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


class Scenes:
    """The client's steps, each of which checks what it is answered."""

    def __init__(self, client: Anthropic) -> None:
        self.client = client
        self.beta = client.beta

    def agent(self, *tools: Any, **more: Any) -> str:
        return self.beta.agents.create(name="Clerk", model=MODEL, tools=tools, **more).id

    def begin(self, *first: Any, agent: str = "agent_default", **more: Any) -> BetaManagedAgentsSession:
        more.setdefault("environment_id", "env_default")
        return self.beta.sessions.create(agent=agent, initial_events=first, **more)

    def send(self, session_id: str, *events: Any) -> Any:
        return self.beta.sessions.events.send(session_id, events=events)

    def record(self, session_id: str, **query: Any) -> list[dict[str, Any]]:
        """All events, raw, as pages give them."""
        return pages(self.beta.sessions.events.with_raw_response.list, session_id, **query)

    def idle(self, session_id: str, reason: str, times: int = 1) -> list[dict[str, Any]]:
        """The record, when the session has come to rest so for this reason so often."""

        def rested() -> list[dict[str, Any]] | None:
            found = self.record(session_id)
            return found if reasons(found).count(reason) >= times and found[-1]["type"] != "task.queued" else None

        what = f"{times} times {reason}, but {[event['type'] for event in self.record(session_id)]}"
        return until(rested, what, 60)  # type: ignore[no-any-return]


def pages(method: Any, *path: str, **query: Any) -> list[dict[str, Any]]:
    """Every page of a list, raw."""
    found: list[dict[str, Any]] = []
    while True:
        page = raw(method(*path, **query))
        assert set(page) >= {"data", "next_page"}
        found += page["data"]
        if page["next_page"] is None:
            return found
        query["page"] = page["next_page"]


def raw(response: Any) -> Any:
    """The JSON of a raw response."""
    return json.loads(response.http_response.content)


def reasons(events: Sequence[dict[str, Any]]) -> list[str]:
    return [event["stop_reason"]["type"] for event in events if event["type"] == "session.status_idle"]


def of_type(events: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == kind]


def types(events: Sequence[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def conforms(expected: Any, value: Any) -> None:
    """Nothing of the SDK's type is missing or wrong, and what is beyond it is told in docs/managed-agents.md."""
    assert complaints(expected, value) == []
    beyond = {field for field in additions(expected, value) if field.partition(".")[2] not in ours.ADDED}
    assert not beyond, "docs/managed-agents.md does not list them"


def conform(events: Sequence[dict[str, Any]]) -> None:
    """Each as the SDK's event of its type, or one of our own; in the order of time."""
    for event in events:
        if event["type"] not in ours.OWN_EVENTS:
            conforms(BetaManagedAgentsSessionEvent, event)
    told = [event for event in events if event["processed_at"] and not event["type"].startswith("user.")]
    for before, after in pairwise(told):
        assert datetime.fromisoformat(before["processed_at"]) <= datetime.fromisoformat(after["processed_at"])
    assert len({event["id"] for event in events}) == len(events)
