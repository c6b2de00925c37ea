"""What was received and how it ended: for tests in memory, for benchmarks as counts and a journal."""

import hashlib
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO

from ops.simulator.conversation import blocks


@dataclass(slots=True)
class Entry:
    """One request to `/v1/messages`."""

    n: int
    received_at: float
    request: dict[str, Any]
    key_hash: str
    answered_at: float | None = None
    outcome: str | None = None
    error: str | None = None
    called: list[str] = field(default_factory=list)

    def described(self) -> dict[str, Any]:
        """As tests read it; messages verbatim but for cache markers. `called` are the ids of calls in the reply."""
        named = ("model", "system", "stream", "max_tokens", "tools", "compaction")
        return {
            "n": self.n,
            "received_at": self.received_at,
            "answered_at": self.answered_at,
            "outcome": self.outcome,
            "error": self.error,
            "key_hash": self.key_hash,
            "called": self.called,
            "answered": self._answered(),
            **{name: self.request.get(name) for name in named},
            "messages": self._messages(),
        }

    def _messages(self) -> Any:
        try:
            return [{**message, "content": _unmarked(message["content"])} for message in self.request["messages"]]
        except (KeyError, TypeError):
            return self.request.get("messages")

    def _answered(self) -> list[str]:
        """The ids of the calls that the request's history answers, in its order; none where it is no valid one."""
        try:
            parts = [part for message in self.request["messages"] for part in blocks(message["content"])]
            return [part["tool_use_id"] for part in parts if part["type"] == "tool_result"]
        except (KeyError, TypeError):
            return []


def _unmarked(content: Any) -> Any:
    if isinstance(content, str):
        return content
    return [{name: value for name, value in block.items() if name != "cache_control"} for block in content]


@lru_cache(256)
def hash_key(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:12]


class Record:
    """Counts always; entries unless told not to; a journal of two JSON lines a request when given a path."""

    def __init__(self, *, keep: bool = True, journal: Path | None = None) -> None:
        self._entries: list[Entry] | None = [] if keep else None
        self._journal: TextIO | None = journal.open("a", buffering=1) if journal else None
        self._received = 0
        self._outcomes: Counter[str] = Counter()
        self._in_flight = 0
        self._max_in_flight = 0

    def received(self, request: dict[str, Any], key: str, prompt: str) -> Entry:
        """Note a request at its arrival."""
        self._received += 1
        entry = Entry(self._received, time.time(), request, hash_key(key))
        if self._entries is not None:
            self._entries.append(entry)
        self._in_flight += 1
        self._max_in_flight = max(self._max_in_flight, self._in_flight)
        if self._journal:
            messages = request.get("messages")
            counted = len(messages) if isinstance(messages, list) else None
            self._write(entry, at=entry.received_at, event="received", messages=counted, prompt=prompt[:80])
        return entry

    def answered(self, entry: Entry, outcome: str, error: str | None = None) -> None:
        """Note how and when it ended."""
        entry.answered_at, entry.outcome, entry.error = time.time(), outcome, error
        self._in_flight -= 1
        self._outcomes[outcome] += 1
        if self._journal:
            self._write(entry, at=entry.answered_at, event="answered", outcome=outcome)

    def requests(self, after: int = 0) -> list[dict[str, Any]]:
        return [entry.described() for entry in self._entries or () if entry.n > after]

    def clear(self) -> None:
        """Forget what has ended; what is in flight stays."""
        if self._entries is not None:
            self._entries = [entry for entry in self._entries if entry.answered_at is None]
        self._outcomes.clear()
        self._max_in_flight = self._in_flight

    def stats(self) -> dict[str, Any]:
        return {
            "received": self._received,
            "in_flight": self._in_flight,
            "max_in_flight": self._max_in_flight,
            "outcomes": dict(self._outcomes),
        }

    def _write(self, entry: Entry, **fields: Any) -> None:
        assert self._journal
        self._journal.write(json.dumps({"n": entry.n, **fields}, separators=(",", ":")) + "\n")
