"""What a worker process has once, and how it comes up and goes."""

import asyncio
import random
import secrets
import threading
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import structlog
import uvloop

from overnight import price_list
from overnight.after_commit import AfterCommit
from overnight.crypto.wire import Wire
from overnight.expiry import Limits
from overnight.settings import Settings
from overnight.store import leases, pauses
from overnight.store.database import Database
from overnight.store.leases import Lease
from overnight.tools.registry import load
from worker import claude
from worker.agents import Agents
from worker.budgeted import Budgeted
from worker.decide import RetryRules
from worker.endings import Endings
from worker.governor.governor import Governor
from worker.held import Halt, Holdings
from worker.hints import Hints
from worker.keeper import Keeper
from worker.known_models import Known, KnownModels
from worker.tools.mcp_servers import McpServers
from worker.tools.running import Bounds

log = structlog.get_logger(__name__)

#: Connections are held for a statement or two, so slots share them.
MOST_CONNECTIONS = 16
#: Of its slots one in so many may be at the summary of a session that ends: people wait for the others.
SUMMARIES = 4
#: Waits up to so long are ended by a timer of this process, so long after they are over, seconds.
LONGEST_TIMER, TIMER_MARGIN = 60.0, 0.01


class Process:
    """Passed to everything that works; `owner` is `node#incarnation`, new at each start."""

    def __init__(self, settings: Settings, node: str, slots: int) -> None:
        price_list.use(settings.prices)
        self.settings = settings
        self.owner = f"{node}#{secrets.token_hex(4)}"
        self.slots = slots
        masters = settings.master_keys
        self.database = Database(settings.sql_url, min(slots + 2, MOST_CONNECTIONS), masters)
        self.after_commit = AfterCommit(settings.redis_url, Wire(masters))
        self.governor = Governor(settings, self.owner)
        self.holdings = Holdings()
        self.agents = Agents(self.database, settings)
        self.models = KnownModels()
        self.registry = load(settings.tools)
        self.mcp = McpServers(allow_commands=settings.allow_mcp_commands)
        self.bounds = Bounds.of(settings)
        self.reports = ThreadPoolExecutor(1, "reports")
        own_connection = Database(settings.sql_url, pool_size=1)  # it uses no contents
        self.budgeted = Budgeted()
        self.endings = Endings()
        self.keeper = Keeper(
            own_connection, self.holdings, self.budgeted, self.endings, self.owner, ttl=settings.lease_ttl, slots=slots
        )
        self.hints = Hints(settings.redis_url, on_stop=self.keeper.look_now)
        self.limits = Limits(settings.idle_ttl, settings.max_age, settings.expiry_notice)
        self.retry_rules = RetryRules(
            settings.retry_base, settings.retry_cap, settings.retry_after_cap, settings.max_retry_age
        )
        self.chance = random.SystemRandom()
        self.summaries = threading.BoundedSemaphore(max(1, slots // SUMMARIES))
        self.draining = threading.Event()
        self.tidy_at = 0.0  # when folders of deleted sessions are looked for next; monotonic
        self.loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="loop", daemon=True)

    def start(self) -> None:
        """Before the first message is taken: the leases of a dead predecessor are freed and woken.

        May be called again after it failed for want of a database.
        """
        with self.database.write() as connection:
            orphans = leases.free_predecessor(connection, self.owner)
            if self.registry.tools:
                pauses.try_again_now(connection)
        for session_id in orphans:
            self.after_commit.wake(session_id)
        self._thread.start()
        self.claude = self.submit(_make_client(self.settings)).result()
        self._watchers = [self.submit(self.hints.listen()), self.submit(self.keeper.watch_proofs())]
        self.keeper.start()
        self.governor.start()
        log.info("worker_started", owner=self.owner, slots=self.slots, taken_over=len(orphans))

    def limits_of(self, lease: Lease) -> Limits:
        """When the session ends, as the narrowest says of those that say something."""
        return self.limits.narrowed(self.endings.of(lease.workspace_id), self.agents.expiry(lease), lease.expiry)

    def submit(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Runs a coroutine on the process's one event loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def model(self, name: str) -> Known:
        """What Claude says of the model; asked where it is not known yet."""
        known = self.models.recall(name)
        if known is None:
            known = self.submit(self.models.ask(self.claude, name)).result()
        return known

    def wake_later(self, session_id: str, task_id: str, delay: float) -> None:
        """A hint for when a short wait is over, sooner than the sweep's next round; lost with the process."""
        if delay <= LONGEST_TIMER:
            wake = partial(self.after_commit.wake, session_id, task_id)
            self.loop.call_soon_threadsafe(self.loop.call_later, delay + TIMER_MARGIN, wake)

    def drain(self) -> None:
        """No new step; what is still under way after a short grace is handed back as it stands."""
        self.draining.set()
        self.loop.call_soon_threadsafe(
            self.loop.call_later, self.settings.drain_seconds, self.holdings.halt_all, Halt.DRAIN
        )

    def close(self) -> None:
        self.keeper.close()
        for watcher in self._watchers:
            watcher.cancel()
        self.submit(self.claude.close()).result(timeout=5)
        self.submit(self.mcp.close()).result(timeout=5)
        self.reports.shutdown()
        self.governor.close()
        self.after_commit.close()
        self.database.close()
        self.loop.call_soon_threadsafe(self.loop.stop)


async def _make_client(settings: Settings) -> Any:
    return claude.client(settings)
