"""A `SessionStore` of the Claude Agent SDK on Overnight's database: `pip install overnight[agent-sdk]`."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from anyio.to_thread import run_sync
from claude_agent_sdk import SessionStore, fold_session_summary
from claude_agent_sdk.types import (
    SessionKey,
    SessionListSubkeysKey,
    SessionStoreEntry,
    SessionStoreListEntry,
    SessionSummaryEntry,
)
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from overnight.keeping_models import MAIN, Transcript
from overnight.models import DEFAULT_WORKSPACE
from overnight.settings import Settings
from overnight.store import transcripts
from overnight.store.database import Database
from overnight.store.transcripts import Entry, Key

T = TypeVar("T")
CONNECTIONS = 5
#: A lost race shows the winner's row to the next try.
TRIES = 3


class OvernightSessionStore(SessionStore):
    """Keeps what Agent SDK sessions say beside Overnight's own: `ClaudeAgentOptions(session_store=…)`.

    `url` is the database's, OVERNIGHT_DATABASE_URL where it is left out. What belongs to a `user_id` is exported and
    erased with the user.
    """

    def __init__(
        self, url: str | None = None, *, workspace_id: str = DEFAULT_WORKSPACE, user_id: str | None = None
    ) -> None:
        settings = Settings() if url is None else Settings(database_url=url)
        self._database = Database(settings.sql_url, pool_size=CONNECTIONS)
        self._workspace_id = workspace_id
        self._user_id = user_id

    def close(self) -> None:
        self._database.close()

    async def append(self, key: SessionKey, entries: list[SessionStoreEntry]) -> None:
        said = cast(list[Entry], entries)
        if said:
            here, user_id = self._key(key), self._user_id
            await run_sync(self._write, lambda connection: transcripts.append(connection, here, user_id, said, _folded))

    async def load(self, key: SessionKey) -> list[SessionStoreEntry] | None:
        here = self._key(key)
        found = await run_sync(self._read, lambda connection: transcripts.load(connection, here))
        return cast(list[SessionStoreEntry] | None, found)

    async def list_sessions(self, project_key: str) -> list[SessionStoreListEntry]:
        return [{"session_id": row.session_id, "mtime": row.mtime} for row in await self._of_project(project_key)]

    async def list_session_summaries(self, project_key: str) -> list[SessionSummaryEntry]:
        return [_summary(row) for row in await self._of_project(project_key)]

    async def delete(self, key: SessionKey) -> None:
        here = self._key(key)
        await run_sync(self._write, lambda connection: transcripts.remove(connection, here))

    async def list_subkeys(self, key: SessionListSubkeysKey) -> list[str]:
        here = Key(self._workspace_id, key["project_key"], key["session_id"])
        return await run_sync(self._read, lambda connection: transcripts.subpaths(connection, here))

    async def _of_project(self, project_key: str) -> Sequence[Transcript]:
        workspace_id = self._workspace_id
        return await run_sync(
            self._read, lambda connection: transcripts.of_project(connection, workspace_id, project_key)
        )

    def _key(self, key: SessionKey) -> Key:
        return Key(self._workspace_id, key["project_key"], key["session_id"], key.get("subpath") or MAIN)

    def _read(self, act: Callable[[Connection], T]) -> T:
        with self._database.snapshot() as connection:
            return act(connection)

    def _write(self, act: Callable[[Connection], None]) -> None:
        for left in reversed(range(TRIES)):
            try:
                with self._database.write() as connection:
                    return act(connection)
            except IntegrityError:
                if not left:
                    raise
        return None


def _folded(row: Transcript, entries: Sequence[Entry]) -> dict[str, Any]:
    before = None if row.summary is None else _summary(row)
    key: SessionKey = {"project_key": row.project_key, "session_id": row.session_id}
    return fold_session_summary(before, key, cast(list[SessionStoreEntry], entries))["data"]


def _summary(row: Transcript) -> SessionSummaryEntry:
    return {"session_id": row.session_id, "mtime": row.mtime, "data": row.summary or {}}
