"""Which Celery queue a session's wake-ups travel on. The queue routes; the lease owns."""

from zlib import crc32

PARTITIONS = 64
KEY_PREFIX = "overnight:"
SWEEP_QUEUE = "overnight.sweeps"
ADVANCE = "overnight.session.advance"  # Celery task names are persisted data: never rename one


def partition_of(session_id: str) -> int:
    """The partition of a session: the same for ever, whatever the number of workers."""
    return crc32(session_id.encode()) % PARTITIONS


def queue_name(partition: int) -> str:
    return f"overnight.p{partition:02d}"


def queue_of(session_id: str) -> str:
    return queue_name(partition_of(session_id))


def queue_names() -> list[str]:
    return [queue_name(partition) for partition in range(PARTITIONS)]
