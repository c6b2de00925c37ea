"""kombu's bookkeeping of unacknowledged messages, taught that Redis may be gone: the worker must outlive it.

As it stands, giving messages back over a lost connection, and acknowledging on a channel closed since, end the process.
A message that is lost or comes again is only a hint: the sweep makes up for the one, the lease for the other.
"""

from contextlib import suppress
from typing import Any

from kombu.transport import redis


class ForgivingQoS(redis.QoS):
    restore_at_shutdown = False

    def ack(self, delivery_tag: Any) -> None:
        with suppress(AttributeError):  # of a connection that is None
            super().ack(delivery_tag)


def outlive_broker() -> None:
    """From now on every channel of this process keeps its books this way."""
    redis.Channel.QoS = ForgivingQoS
