"""What the pools are told without anybody waiting for it, and whether Redis is there."""

import threading
import time
from collections.abc import Callable
from queue import Empty, Full, Queue
from typing import Any

import structlog
from redis.exceptions import RedisError

from worker.governor.shared import Shared

log = structlog.get_logger(__name__)

BACKLOG, BATCH = 10_000, 100
#: Seconds between two looks at what is over, at how many workers there are, and at a Redis that is away.
LOOK = 1.0
#: How long more is gathered for one round trip.
GATHERING = 0.02

#: Adds its commands to a pipeline.
Telling = Callable[[Any], None]


class Background:
    """One thread: sends what has gathered in one round trip. While Redis is away nothing is kept for it."""

    def __init__(self, shared: Shared, owner: str, on_look: Callable[[], None]) -> None:
        self.is_away = False
        self.workers = 1
        self._shared = shared
        self._owner = owner
        self._on_look = on_look
        self._queue: Queue[Telling | None] = Queue(BACKLOG)
        self._thread = threading.Thread(target=self._run, name="governor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self, timeout: float = 2.0) -> None:
        """Sends what is left, within `timeout` seconds."""
        try:
            self._queue.put(None, timeout=timeout)
        except Full:
            return
        if self._thread.is_alive():
            self._thread.join(timeout)
        self._shared.redis.close()

    def send(self, telling: Telling) -> None:
        if self.is_away:
            return
        try:
            self._queue.put_nowait(telling)
        except Full:
            log.warning("governor_backlog_full", dropped=1)

    def lost(self, error: BaseException) -> None:
        """Redis did not answer: until it does, this process decides alone."""
        if not self.is_away:
            log.warning("governor_alone", error=f"{type(error).__name__}: {error}", workers=self.workers)
        self.is_away = True

    def _run(self) -> None:
        looked = 0.0
        while True:
            gathered, is_last = self._gather()
            is_time = time.monotonic() - looked >= LOOK
            if is_time:
                looked = time.monotonic()
                self._on_look()
            if gathered or is_time:
                self._tell(gathered, counting=is_time)
            if is_last:
                return

    def _gather(self) -> tuple[list[Telling], bool]:
        """What there is, waiting for the first; and whether it is the last."""
        gathered: list[Telling] = []
        try:
            one = self._queue.get(timeout=LOOK)
            time.sleep(GATHERING)
            while one is not None and len(gathered) < BATCH:
                gathered.append(one)
                one = self._queue.get_nowait()
        except Empty:
            return gathered, False
        if one is None:
            return gathered, True
        gathered.append(one)
        return gathered, False

    def _tell(self, gathered: list[Telling], *, counting: bool) -> None:
        try:
            with self._shared.redis.pipeline(transaction=False) as pipeline:
                for telling in gathered:
                    telling(pipeline)
                if counting:
                    self._shared.count_workers(self._owner, pipeline, time.time())
                answers = pipeline.execute()
            if counting:
                self.workers = max(1, int(answers[-1]))
        except (RedisError, OSError) as error:
            return self.lost(error)
        if self.is_away:
            log.info("governor_together", workers=self.workers)
            self.is_away = False
        return None
