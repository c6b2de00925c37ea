"""`0-15,20`: which of the partitions' queues a worker consumes."""

import re

from overnight.cli.exits import CliError
from overnight.routing import PARTITIONS, SWEEP_QUEUE, queue_name

RANGE = re.compile(r"(\d+)(?:-(\d+))?")


def queues_of(partitions: str) -> list[str]:
    """Their queues in order, and the sweeps', which every worker consumes. Raises CliError."""
    chosen = {number for part in partitions.split(",") for number in _numbers(part.strip())}
    return [*(queue_name(number) for number in sorted(chosen)), SWEEP_QUEUE]


def _numbers(part: str) -> range:
    match = RANGE.fullmatch(part)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, -1)
    if not first <= last < PARTITIONS:
        raise CliError(f"--partitions: '{part}' is none; give numbers from 0 to {PARTITIONS - 1}, as in 0-15,20")
    return range(first, last + 1)
