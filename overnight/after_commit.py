"""What happens on Redis after a commit: off the caller's path, in order, with time-outs, and allowed to fail."""

import threading
from collections.abc import Callable, Iterator
from queue import Empty, Full, Queue
from typing import Any

import structlog
from redis import Redis

from overnight import live, wakeup
from overnight.crypto.wire import Wire
from overnight.live import SOCKET_TIMEOUT

log = structlog.get_logger(__name__)

BACKLOG = 10_000
BATCH = 200  # commands in one round trip

#: A Redis command, its key or channel, and what is sent there.
Command = tuple[Callable[[Redis, str, str], object], str, str]


class AfterCommit:
    """One thread a process that sends wake-ups, nudges and stop hints. The sweep makes up for what is lost."""

    def __init__(self, redis_url: str, wire: Wire | None = None) -> None:
        self._wire = wire or Wire(())
        self._redis = Redis.from_url(
            redis_url, socket_timeout=SOCKET_TIMEOUT, socket_connect_timeout=SOCKET_TIMEOUT, decode_responses=True
        )
        self._commands: Queue[Command | None] = Queue(BACKLOG)
        self._thread = threading.Thread(target=self._run, name="after-commit", daemon=True)
        self._thread.start()

    def wake(self, session_id: str, task_id: str | None = None) -> None:
        """Sends a worker to the session."""
        self._add(Redis.lpush, wakeup.queue_key(session_id), wakeup.message(session_id, task_id))

    def nudge(self, session_id: str) -> None:
        """Tells those who watch the session that SQL has something new."""
        self._add(Redis.publish, live.channel(session_id), live.NUDGE)

    def say(self, session_id: str, frame: dict[str, Any]) -> None:
        """Sends a frame to those who watch the session."""
        channel = live.channel(session_id)
        self._add(Redis.publish, channel, self._wire.seal(live.encode(frame), channel))

    def hint_stop(self, session_id: str) -> None:
        """Tells the session's owner to look for a stop request now, instead of within a second."""
        self._add(Redis.publish, live.STOP, session_id)

    def watch(self, session_id: str) -> None:
        """Asks the session's owner to publish what Claude says."""
        self._add(Redis.publish, live.WATCH, session_id)

    def close(self, timeout: float = 5.0) -> None:
        """Sends what is left, within `timeout` seconds."""
        try:
            self._commands.put(None, timeout=timeout)
        except Full:
            return
        self._thread.join(timeout)
        self._redis.close()

    def _add(self, *command: *Command) -> None:
        try:
            self._commands.put_nowait(command)
        except Full:
            log.warning("redis_backlog_full", dropped=1)

    def _run(self) -> None:
        for batch in self._batches():
            try:
                with self._redis.pipeline(transaction=False) as pipeline:
                    for send, key, value in batch:
                        send(pipeline, key, value)
                    pipeline.execute()
            except Exception as error:
                log.warning("redis_unreachable", error=f"{type(error).__name__}: {error}", waiting=self._forget())

    def _batches(self) -> Iterator[list[Command]]:
        """What has gathered, as long as there is more to come."""
        while (command := self._commands.get()) is not None:
            batch = [command]
            while len(batch) < BATCH and (following := self._next()) is not None:
                batch.append(following)
            yield batch

    def _next(self) -> Command | None:
        """What waits already; the sign to stop is left for the next batch."""
        try:
            command = self._commands.get_nowait()
        except Empty:
            return None
        if command is None:
            self._commands.put(None)
        return command

    def _forget(self) -> int:
        """Drops what has piled up while Redis hung: late hints are worth nothing, and the sweep sends its own."""
        dropped = 0
        while self._next() is not None:
            dropped += 1
        return dropped
