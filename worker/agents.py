"""Agents as workers know them: a version never changes, so each is read once."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from overnight.agents import Resolved, built_in, resolve
from overnight.history.sharing import author
from overnight.models import AgentVersion, Task
from overnight.settings import Settings
from overnight.store import agents
from overnight.store.database import Database
from overnight.store.leases import Lease

KEPT = 1_000
#: What of a lease is its agent's.
OF_AN_AGENT = ("agent_id", "agent_version", "overrides", "model", "system", "max_tokens")


class Agents:
    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._built_in = built_in(settings)
        self._stored = lru_cache(KEPT)(self._read)

    def of(self, lease: Lease) -> Resolved:
        """The version whose turn it is, and what the session replaces of its own."""
        return resolve(self._version(lease.agent_id, lease.agent_version), lease.overrides)

    def expiry(self, lease: Lease) -> Mapping[str, Any] | None:
        """What the session's own agent says of how its sessions end."""
        return self._version(lease.agent_id, lease.agent_version).expiry

    def at_turn(self, lease: Lease, own: Lease, task: Task) -> Lease:
        """The lease as the task's turn has it: with the task's agent, if it names one, else as the session began."""
        if (reader := author(task)) == lease.reader:
            return lease
        if reader is None:
            return replace(lease, reader=None, **{name: getattr(own, name) for name in OF_AN_AGENT})
        version = self._version(*reader)
        said: dict[str, Any] = {name: getattr(version, name) for name in ("model", "system", "max_tokens")}
        named: dict[str, Any] = {"agent_id": version.agent_id, "agent_version": version.version, "overrides": None}
        return replace(lease, reader=reader, **said, **named)

    def is_without_tools(self, lease: Lease) -> bool:
        """Whether that is certain without asking the database."""
        return lease.agent_id == self._built_in.agent_id and not lease.overrides

    def _version(self, agent_id: str, number: int) -> AgentVersion:
        if agent_id == self._built_in.agent_id:
            return self._built_in
        return self._stored(agent_id, number)

    def _read(self, agent_id: str, number: int) -> AgentVersion:
        with self._database.read() as connection:
            return agents.version(connection, agent_id, number, self._built_in)
