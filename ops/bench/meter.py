"""What it costs: CPU of a contender's processes with all their children, also ended ones; memory; and who else ran."""

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import psutil

#: Not the contender's memory: Postgres' processes share theirs, which would count many times.
NO_MEMORY = {"postgres", "submitter"}
LOOK_SECONDS = 0.5
YARDSTICK = 50_000  # additions
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """`cpu`: seconds by kind of process; memory in MiB, at its highest; `other_load`: of the machine's CPU, 0 to 1.

    `yardstick`: CPU seconds that a fixed piece of work took meanwhile, on the same machine now more, now less.
    """

    cpu: dict[str, float]
    rss_sum: float
    rss_largest: float
    other_load: float
    yardstick: float


class Meter:
    """Runs from its making to `read`. `aside` are processes that are neither the contender's nor other load."""

    def __init__(self, processes: Mapping[str, Iterable[int]], aside: Iterable[int]) -> None:
        self._kinds = {kind: [psutil.Process(pid) for pid in pids] for kind, pids in processes.items()}
        self._aside = [psutil.Process(pid) for pid in aside]
        self._rss_sum = self._rss_largest = self._looked_at = 0.0
        self._yardsticks: list[float] = []
        self.look()
        self._began = time.monotonic()
        self._machine, self._side, self._cpu = _machine_busy(), self._aside_cpu(), self._cpu_by_kind()

    def look(self) -> None:
        """To be called again and again: memory and the worth of a second have no account to be read at the end."""
        if time.monotonic() - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = time.monotonic()
        kinds = (processes for kind, processes in self._kinds.items() if kind not in NO_MEMORY)
        resident = [process.memory_info().rss / MIB for processes in kinds for process in processes]
        self._rss_sum = max(self._rss_sum, sum(resident))
        self._rss_largest = max(self._rss_largest, *resident)
        self._yardsticks.append(_yardstick())

    def read(self) -> Usage:
        now = self._cpu_by_kind()
        cpu = {kind: now[kind] - before for kind, before in self._cpu.items()}
        ours = sum(cpu.values()) + self._aside_cpu() - self._side
        available = (time.monotonic() - self._began) * (os.cpu_count() or 1)
        other = (_machine_busy() - self._machine - ours) / available
        return Usage(cpu, self._rss_sum, self._rss_largest, min(1.0, max(0.0, other)), median(self._yardsticks))

    def _cpu_by_kind(self) -> dict[str, float]:
        return {kind: sum(map(_tree, processes)) for kind, processes in self._kinds.items()}

    def _aside_cpu(self) -> float:
        times = [process.cpu_times() for process in (*self._aside, psutil.Process())]
        return sum(each.user + each.system for each in times)


def _yardstick() -> float:
    """A busy neighbour on the same core makes every second of CPU worth less: by how much, this tells."""
    began, total = time.thread_time(), 0
    for number in range(YARDSTICK):
        total += number
    return time.thread_time() - began


def _tree(root: psutil.Process) -> float:
    """CPU of a process and of all it started: those that ended are in their parents' accounts."""
    while True:
        try:
            return sum(_account(process.cpu_times()) for process in (root, *root.children(recursive=True)))
        except psutil.NoSuchProcess as gone:
            if gone.pid == root.pid:
                raise
            # It ended between the two looks, and is in an account that has been read already: once more.


def _account(times: Any) -> float:
    return float(times.user + times.system + times.children_user + times.children_system)


def _machine_busy() -> float:
    """What the machine was kept from doing else: all but waiting, and what its host took away."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - _counted_twice(times))


def _counted_twice(times: Any) -> float:
    return float(getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0))
