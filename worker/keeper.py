"""Keeps what the process owns: renews its leases, carries out stops and pauses, ends work beyond a proven lease.

It also learns every second who has a budget, so that nobody else must ask.
"""

import asyncio
import threading
import time
from collections.abc import Mapping

import structlog

from overnight.store import endings, leases, nodes, shared_budgets, tasks
from overnight.store.database import Database
from worker.budgeted import Budgeted
from worker.endings import Endings
from worker.held import HALTS, Halt, Held, Holdings

log = structlog.get_logger(__name__)

TICK = 1.0


class Keeper:
    """A thread of its own with a connection of its own: it must not queue behind the work it watches over."""

    def __init__(
        self,
        database: Database,
        holdings: Holdings,
        budgeted: Budgeted,
        endings: Endings,
        owner: str,
        *,
        ttl: float,
        slots: int,
    ) -> None:
        self._database = database
        self._holdings = holdings
        self._budgeted = budgeted
        self._endings = endings
        self._owner = owner
        self._ttl = ttl
        self._slots = slots
        self._renewed_at = float("-inf")
        self._look = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def look_now(self) -> None:
        """Somebody may have asked for a stop, or closed a session."""
        self._look.set()

    def close(self) -> None:
        self._closed = True
        self._look.set()
        self._thread.join(timeout=TICK)
        self._database.close()

    async def watch_proofs(self) -> None:
        """On the event loop, where no database can hold it up: stops calls in time when leases cannot be renewed."""
        while True:
            await asyncio.sleep(TICK)
            stopped = self._holdings.halt_unproven(margin=self._ttl / 10)
            if stopped:
                log.warning("leases_not_renewed", stopped=stopped)

    def _run(self) -> None:
        hinted = False
        while not self._closed:
            try:
                self._keep(hinted)
            except Exception as error:
                log.warning("keeper_failed", error=f"{type(error).__name__}: {error}")
            hinted = self._look.wait(TICK)
            self._look.clear()

    def _keep(self, hinted: bool) -> None:
        if time.monotonic() - self._renewed_at >= self._ttl / 3:
            self._renew()
        self._look_at_workspaces()
        if self._holdings.every():
            self._carry_out_stops()
            if hinted:
                self._stop_what_is_lost()

    def _renew(self) -> None:
        asked_at = time.monotonic()
        held = self._holdings.every()
        with self._database.write() as connection:
            ours = leases.renew(connection, self._owner, held, self._ttl) if held else {}
            nodes.report(connection, self._owner.partition("#")[0], "worker", self._owner, self._slots)
        for session_id, mine in held.items():
            if ours.get(session_id) == mine.lease.token:
                mine.proven_until = asked_at + self._ttl
        self._halt_all_but(ours, held)
        self._renewed_at = asked_at

    def _stop_what_is_lost(self) -> None:
        """What was closed or deleted costs nothing more from now on, and its tools do nothing more."""
        held = self._holdings.every()
        with self._database.read() as connection:
            self._halt_all_but(leases.held(connection, self._owner), held)

    def _halt_all_but(self, ours: Mapping[str, int], held: Mapping[str, Held]) -> None:
        for session_id, mine in held.items():
            is_ours = ours.get(session_id) == mine.lease.token
            if not is_ours and self._holdings.every().get(session_id) is mine:
                mine.halt(Halt.LOST)

    def _look_at_workspaces(self) -> None:
        with self._database.read() as connection:
            self._budgeted.learn(shared_budgets.budgeted_workspaces(connection))
            self._endings.learn(endings.every_one(connection))

    def _carry_out_stops(self) -> None:
        with self._database.read() as connection:
            wanted = tasks.stopping(connection)
            paused = leases.paused(connection, self._owner)
        held = self._holdings.every()
        for session_id, (task_id, request) in wanted.items():
            mine = held.get(session_id)
            if mine is not None:
                mine.halt(HALTS[request], task_id)
        for session_id in paused:
            if (mine := held.get(session_id)) is not None:
                mine.halt(Halt.PAUSE)
