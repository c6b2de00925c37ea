"""Wake-ups are hints: doubled, delayed or dropped, the end is the same."""

import random
import time

from tests.process.conftest import MakeCluster
from tests.process.invariants import assert_history_was_sent, assert_ledgers_are_whole, overlapping_requests

SESSIONS, TURNS = 20, 4


def test_doubled_delayed_and_dropped(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(latency=0.05)
    for name in ("w1", "w2"):
        cluster.start_worker(name)
    cluster.start_beat()
    cluster.wait_for_workers("w1", "w2")
    chance, wake, late = random.Random(7), cluster.after_commit.wake, []

    def unreliable(session_id: str, task_id: str | None = None) -> None:
        for _ in range(chance.choice([0, 0, 1, 2, 5])):
            wake(session_id, task_id)
        if chance.random() < 0.5:
            late.append(session_id)

    cluster.after_commit.wake = unreliable  # type: ignore[method-assign]
    firsts = [cluster.submit(f"session {number} task 1") for number in range(SESSIONS)]
    for turn in range(2, TURNS + 1):
        for number, first in enumerate(firsts):
            cluster.submit(f"session {number} task {turn}", first.session_id)
            unreliable(first.session_id)
    for session_id in late:
        time.sleep(0.01)
        wake(session_id)
    cluster.wait_until_idle()
    assert cluster.rows("SELECT status, count(*) FROM tasks GROUP BY status") == [("succeeded", SESSIONS * TURNS)]
    assert_ledgers_are_whole(cluster)
    assert assert_history_was_sent(cluster) == SESSIONS * TURNS
    assert overlapping_requests(cluster) == []
