from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.process.cluster import Cluster, cluster

MakeCluster = Callable[..., Cluster]


@pytest.fixture
def make_cluster(tmp_path: Path, database_url: str) -> Iterator[MakeCluster]:
    """Makes the test's cluster on the test's database, with its Redis and simulator up."""
    with ExitStack() as stack:

        def make(*, latency: float = 0.0, deltas: int = 5, **settings: str) -> Cluster:
            made = stack.enter_context(cluster(tmp_path, database_url, **settings))
            made.start_redis()
            made.start_simulator(latency, deltas)
            return made

        yield make


def at_work(made: Cluster) -> Cluster:
    """With one worker, w1, and a beat."""
    made.start_worker("w1")
    made.start_beat()
    made.wait_for_workers("w1")
    return made
