"""The figures of the table: how each is read from a measurement, and what the design asks of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from ops.bench.measured import Measured


@dataclass(frozen=True, slots=True)
class Target:
    limit: float
    at_least: bool

    def is_reached(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    label: str
    digits: int
    read: Callable[[Measured], float | None]
    target: Target | None = None
    compared: bool = True  # whether its ratio to the bare script says anything


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over the runs."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, figure: Figure, runs: Sequence[Measured]) -> "Spread | None":
        values = [value for run in runs if (value := figure.read(run)) is not None]
        return cls(median(values), min(values), max(values)) if values else None

    def shown(self, digits: int) -> str:
        middle = f"{self.middle:.{digits}f}"
        if self.least == self.most:
            return middle
        return f"{middle} ({self.least:.{digits}f}-{self.most:.{digits}f})"


def at_least(limit: float) -> Target:
    return Target(limit, at_least=True)


def at_most(limit: float) -> Target:
    return Target(limit, at_least=False)


def _cpu(kind: str) -> Figure:
    return Figure(f"  {kind}", 2, lambda run: run.cpu_ms(kind))


def _throughput(target: Target | None = None) -> Figure:
    return Figure("throughput, turns/s", 0, lambda run: run.throughput, target)


def _cpu_in_all(target: Target | None = None) -> Figure:
    return Figure("CPU ms/turn", 2, lambda run: run.cpu_ms(), target)


KINDS = ("workers", "script", "api", "beat", "postgres", "redis", "submitter")
CPU_PARTS = tuple(_cpu(kind) for kind in KINDS)
ACCEPTING = (
    Figure("submit→accepted p50, ms", 1, lambda run: 1000 * run.accept.p50, compared=False),
    Figure("submit→accepted p99, ms", 1, lambda run: 1000 * run.accept.p99, compared=False),
)
MACHINE = (
    Figure("RSS MiB, sum", 0, lambda run: run.usage.rss_sum),
    Figure("RSS MiB, largest", 0, lambda run: run.usage.rss_largest),
    Figure("yardstick, ms CPU", 2, lambda run: 1000 * run.usage.yardstick),
    Figure("other load", 2, lambda run: run.usage.other_load, compared=False),
)
UNDER_LOAD = (
    *CPU_PARTS,
    Figure("submit→stored p50, s", 2, lambda run: run.turn.p50),
    Figure("submit→stored p99, s", 2, lambda run: run.turn.p99),
    *ACCEPTING,
    Figure("submitting, s", 1, lambda run: run.submitting, compared=False),
    *MACHINE,
)

#: By work. The targets are those of DESIGN §10.
FIGURES: dict[str, tuple[Figure, ...]] = {
    "w1": (
        Figure("efficiency, ideal/wall", 2, lambda run: run.efficiency, at_least(0.85)),
        _throughput(),
        _cpu_in_all(at_most(8.0)),
        *UNDER_LOAD,
        Figure("most calls in flight", 0, lambda run: run.in_flight, compared=False),
    ),
    "w2": (_throughput(at_least(280.0)), _cpu_in_all(), *UNDER_LOAD),
    "w3": (
        Figure("submit→Claude p50, ms", 1, lambda run: 1000 * run.wake.p50, at_most(10.0)),
        Figure("submit→Claude p99, ms", 1, lambda run: 1000 * run.wake.p99, at_most(25.0)),
        *ACCEPTING,
        Figure("submit→stored p50, ms", 1, lambda run: 1000 * run.turn.p50),
        Figure("submit→stored p99, ms", 1, lambda run: 1000 * run.turn.p99),
        *MACHINE,
    ),
}
