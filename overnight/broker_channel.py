"""kombu's Redis channel without the bookkeeping that hints do not need: SQL knows what is owed."""

from typing import Any

from kombu.transport import redis, virtual


class InMemoryQoS(virtual.QoS):
    """Counts the messages under way, for prefetch; keeps no copy of them in Redis, as the sweep makes up for lost ones.

    kombu's own costs two transactions a message, and ends the process when Redis dies with messages under way.
    """

    restore_at_shutdown = False

    def restore_visible(self, *_: Any, **__: Any) -> None:
        """Nothing is kept, so nothing is restored."""


class HintChannel(redis.Channel):
    QoS = InMemoryQoS  # type: ignore[assignment]
    _thin: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        """One client a pool: it is thread-safe, and making one for each command cost more than the command."""
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[misc]
        pool = self.pool
        if self._thin is None or self._thin.connection_pool is not pool:
            self._thin = super()._create_client()  # type: ignore[misc]
        return self._thin


def use_hint_channels() -> None:
    """From now on every Redis channel of this process is one."""
    redis.Transport.Channel = HintChannel
