"""What happens on Redis after a commit: off the caller's path, in order, with time-outs, and allowed to fail."""

import secrets
import threading
from collections.abc import Callable
from queue import Empty, Full, Queue

import structlog
from celery import Celery
from redis import Redis

from overnight import live
from overnight.broker import PUBLISH_POLICY, SOCKET_TIMEOUT, celery_app
from overnight.routing import ADVANCE, queue_of

log = structlog.get_logger(__name__)

BACKLOG = 10_000


class AfterCommit:
    """One thread a process that sends wake-ups, nudges and stop hints. The sweep makes up for what is lost."""

    def __init__(self, redis_url: str, app: Celery | None = None) -> None:
        self._app = app or celery_app(redis_url)
        self._redis = Redis.from_url(
            redis_url, socket_timeout=SOCKET_TIMEOUT, socket_connect_timeout=SOCKET_TIMEOUT, decode_responses=True
        )
        self._jobs: Queue[Callable[[], object] | None] = Queue(BACKLOG)
        self._thread = threading.Thread(target=self._run, name="after-commit", daemon=True)
        self._thread.start()

    def wake(self, session_id: str, task_id: str | None = None) -> None:
        """Sends a worker to the session."""
        self._add(lambda: self._send(session_id, task_id))

    def nudge(self, session_id: str) -> None:
        """Tells those who watch the session that SQL has something new."""
        self.say(session_id, live.NUDGE)

    def say(self, session_id: str, message: str) -> None:
        self._add(lambda: self._redis.publish(live.channel(session_id), message))

    def hint_stop(self, session_id: str) -> None:
        """Tells the session's owner to look for a stop request now, instead of within a second."""
        self._add(lambda: self._redis.publish(live.STOP, session_id))

    def watch(self, session_id: str) -> None:
        """Asks the session's owner to publish what Claude says."""
        self._add(lambda: self._redis.publish(live.WATCH, session_id))

    def close(self, timeout: float = 5.0) -> None:
        """Sends what is left, within `timeout` seconds."""
        try:
            self._jobs.put(None, timeout=timeout)
        except Full:
            return
        self._thread.join(timeout)
        self._redis.close()

    def _send(self, session_id: str, task_id: str | None) -> None:
        self._app.send_task(
            ADVANCE,
            args=[session_id],
            queue=queue_of(session_id),
            task_id=f"{task_id or 'sweep'}.{secrets.token_hex(4)}",  # Flower's list has room for one id a column
            argsrepr=f"{session_id} {task_id or ''}",
            kwargsrepr="",
            retry_policy=PUBLISH_POLICY,
        )

    def _add(self, job: Callable[[], object]) -> None:
        try:
            self._jobs.put_nowait(job)
        except Full:
            log.warning("redis_backlog_full", dropped=1)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception as error:
                log.warning("redis_unreachable", error=f"{type(error).__name__}: {error}", waiting=self._forget())

    def _forget(self) -> int:
        """Drops what has piled up while Redis hung: late hints are worth nothing, and the sweep sends its own."""
        dropped = 0
        while not self._jobs.empty():
            try:
                job = self._jobs.get_nowait()
            except Empty:
                break
            if job is None:
                self._jobs.put(None)
                break
            dropped += 1
        return dropped
