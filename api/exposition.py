"""The figures of `/metrics` as Prometheus wants them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from overnight.rate_limits import PoolState

OF_A_FAMILY = ["credential", "family"]


@dataclass(frozen=True, slots=True)
class Figures:
    """What is counted; `limits` is None while Redis is away."""

    tasks: Mapping[tuple[str, str], int]  # by status and reason for waiting
    workers: int
    slots: int
    beats: int
    limits: Sequence[PoolState] | None


def registry_of(figures: Figures) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Told(figures))
    return registry


@dataclass(frozen=True, eq=False, slots=True)
class _Told(Collector):
    figures: Figures

    def collect(self) -> Iterator[GaugeMetricFamily]:
        figures = self.figures
        tasks = GaugeMetricFamily("overnight_tasks", "Unfinished tasks.", labels=["status", "wait_reason"])
        for kind, number in figures.tasks.items():
            tasks.add_metric(kind, number)
        yield tasks
        yield GaugeMetricFamily("overnight_workers", "Worker processes that live.", figures.workers)
        yield GaugeMetricFamily("overnight_worker_slots", "Turns that they can take at a time.", figures.slots)
        yield GaugeMetricFamily("overnight_beats", "Beats that live.", figures.beats)
        yield GaugeMetricFamily("overnight_redis_up", "1 while Redis answers.", int(figures.limits is not None))
        yield from _limits(figures.limits or ())


def _limits(pools: Sequence[PoolState]) -> Iterator[GaugeMetricFamily]:
    by_dimension = [*OF_A_FAMILY, "dimension"]
    limit = GaugeMetricFamily("overnight_claude_limit", "Claude's limit a minute.", labels=by_dimension)
    left = GaugeMetricFamily("overnight_claude_left", "What is left of that limit now.", labels=by_dimension)
    for pool in pools:
        for dimension, level in pool.levels.items():
            if level is not None:
                labels = [pool.credential, pool.family, dimension.replace(" ", "_")]
                limit.add_metric(labels, level[0])
                left.add_metric(labels, level[1])
    yield from (limit, left)
    yield _each(pools, "waiting", "Tasks that wait for room in Claude's limits.")
    yield _each(pools, "under_way", "Requests granted that Claude has not answered yet.")
    yield _each(pools, "closed_for", "Seconds until the gate opens after a refusal; 0: it is open.", "seconds")
    yield _each(pools, "window", "Requests that may be under way at once while the gate opens; 0: any number.")


def _each(pools: Sequence[PoolState], figure: str, documentation: str, unit: str = "") -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"overnight_claude_{figure}", documentation, labels=OF_A_FAMILY, unit=unit)
    for pool in pools:
        family.add_metric([pool.credential, pool.family], getattr(pool, figure))
    return family
