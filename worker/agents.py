"""Agents as workers know them: a version never changes, so each is read once."""

from functools import lru_cache

from overnight.agents import Resolved, built_in, resolve
from overnight.models import AgentVersion
from overnight.settings import Settings
from overnight.store import agents
from overnight.store.database import Database
from overnight.store.leases import Lease

KEPT = 1_000


class Agents:
    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._built_in = built_in(settings)
        self._stored = lru_cache(KEPT)(self._read)

    def of(self, lease: Lease) -> Resolved:
        """The version that the session started with, and what the session replaces of it."""
        return resolve(self._version(lease), lease.overrides)

    def is_without_tools(self, lease: Lease) -> bool:
        """Whether that is certain without asking the database."""
        return lease.agent_id == self._built_in.agent_id and not lease.overrides

    def _version(self, lease: Lease) -> AgentVersion:
        if lease.agent_id == self._built_in.agent_id:
            return self._built_in
        return self._stored(lease.agent_id, lease.agent_version)

    def _read(self, agent_id: str, number: int) -> AgentVersion:
        with self._database.read() as connection:
            return agents.version(connection, agent_id, number, self._built_in)
