"""The beat's duties, each a question to SQL and its answer. Two beats at once do the same work once."""

import time
from pathlib import Path
from shutil import rmtree

from overnight.keeping_models import Tombstone
from overnight.states import Removal
from overnight.store import nodes, packs, removal, retention, sweeps, tombstones, transcripts
from overnight.store.retention import Periods, Rules
from overnight.tools.workspaces import workspace_of
from worker.leftovers import tidy
from worker.process import Process

#: Seconds for which one round of removing goes on, and what it asks for at once.
ROUND, BATCH = 5.0, 50
ROWS = 2_000
#: Seconds between looks at the folders of this machine.
TIDY = 600.0


def wake_due(process: Process) -> int:
    """Sends a worker to every session that needs one: due tasks, lost wake-ups, dead owners, expiry. Gives how many."""
    with process.database.write() as connection:
        due = sweeps.take_due(connection)
        nodes.report(connection, "beat", "beat", "beat")
    for session_id in due:
        process.after_commit.wake(session_id)
    return len(due)


def purge(process: Process) -> int:
    """Removes what is deleted, erased or past its retention, then packs what is archived, in bounded batches.

    Gives how many sessions are gone.
    """
    if time.monotonic() >= process.tidy_at:
        process.tidy_at = time.monotonic() + TIDY
        tidy(process)
    with process.database.write() as connection:
        sweeps.forget_idempotency_keys(connection)
        held = retention.rules(connection, Periods.of(process.settings))
    return _Removing(process, held).run()


class _Removing:
    """One round of it; what is left over is for the next."""

    def __init__(self, process: Process, held: Rules) -> None:
        self._process = process
        self._database = process.database
        self._held = held
        self._ends = time.monotonic() + ROUND
        self._gone = 0

    def run(self) -> int:
        self._erase_users()
        self._retire_sessions()
        self._purge_sessions()
        self._purge_transcripts()
        self._pack_sessions()
        return self._gone

    def _pack_sessions(self) -> None:
        while self._has_time():
            with self._database.read() as connection:
                found = packs.due(connection, BATCH)
            for session_id in found:
                self._pack(session_id)
            if len(found) < BATCH:
                return

    def _pack(self, session_id: str) -> None:
        is_done = False
        while not is_done and self._has_time():
            with self._database.write() as connection:
                is_done = packs.pack_some(connection, session_id)

    def _has_time(self) -> bool:
        return time.monotonic() < self._ends

    def _erase_users(self) -> None:
        with self._database.read() as connection:
            stones = tombstones.unfinished(connection, Removal.USER, BATCH)
        for stone in stones:
            self._erase(stone)

    def _erase(self, stone: Tombstone) -> None:
        while self._has_time():
            with self._database.write() as connection:
                removal.hide_some(connection, stone)
                found = removal.hidden(connection, stone)
            for session_id in found:
                self._purge(session_id)
            if not found:
                with self._database.write() as connection:
                    if removal.erase_some(connection, stone, ROWS):
                        return

    def _retire_sessions(self) -> None:
        while self._has_time():
            with self._database.read() as connection:
                found = retention.outlived(connection, self._held, BATCH)
            for outlived in found:
                with self._database.write() as connection:
                    removal.retire(connection, outlived)
            if len(found) < BATCH:
                return

    def _purge_sessions(self) -> None:
        while self._has_time():
            with self._database.read() as connection:
                found = retention.purgeable(connection, self._held, BATCH)
            for session_id in found:
                self._purge(session_id)
            if not found:
                return

    def _purge(self, session_id: str) -> None:
        """Its files first: when its rows are gone nobody knows of them."""
        rmtree(workspace_of(Path(self._process.settings.data_dir), session_id), ignore_errors=True)
        is_gone = False
        while not is_gone and self._has_time():
            with self._database.write() as connection:
                is_gone = removal.purge(connection, session_id, ROWS)
        self._gone += is_gone

    def _purge_transcripts(self) -> None:
        for doomed in retention.outlived_transcripts(self._held):
            removed = True
            while removed and self._has_time():
                with self._database.write() as connection:
                    removed = bool(transcripts.remove_some(connection, doomed, ROWS))
