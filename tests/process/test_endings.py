"""Sessions that go on in successors while tasks keep coming and workers are killed: each task is run, once, by one."""

import threading

from overnight.errors import SessionClosed
from overnight.models import DEFAULT_WORKSPACE, Task
from overnight.store import sessions
from overnight.store.sessions import NewSession
from tests.process.cluster import Cluster, until
from tests.process.conftest import MakeCluster

SESSIONS, ROUNDS = 6, 3
EXPIRY = {"max_messages": 2, "on_expiry": "summarise_and_continue"}


def begun(cluster: Cluster) -> list[str]:
    made = [NewSession(model="claude-sonnet-5-5", max_tokens=1_000, expiry=EXPIRY) for _ in range(SESSIONS)]
    for new in made:
        with cluster.database.write() as connection:
            sessions.create(connection, DEFAULT_WORKSPACE, new, idle_check=0)
    return [new.id for new in made]


def send(cluster: Cluster, session_id: str) -> Task:
    """To the session, or to the one that goes on for it."""
    while True:
        try:
            return cluster.submit("Go on.", session_id)
        except SessionClosed as closed:
            session_id = closed.details["continued_by"]


def test_tasks_in_the_same_moment_and_a_worker_that_is_killed(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(idle_ttl="0", latency=0.2, lease_ttl="3")
    cluster.start_worker("w1")
    cluster.start_beat()
    cluster.wait_for_workers("w1")
    accepted: list[Task] = []

    def knock(session_id: str, pause: float) -> None:
        for _ in range(ROUNDS):
            accepted.append(send(cluster, session_id))
            threading.Event().wait(pause)

    first = begun(cluster)
    knocks = [threading.Thread(target=knock, args=(each, 0.7 + 0.1 * place)) for place, each in enumerate(first)]
    for thread in knocks:
        thread.start()
    until(lambda: cluster.rows("SELECT id FROM sessions WHERE continues IS NOT NULL"), "one goes on")
    cluster.kill("w1")
    cluster.start_worker("w1")
    for thread in knocks:
        thread.join()
    assert len(accepted) == SESSIONS * ROUNDS
    for task in accepted:
        assert cluster.wait_for(task).status == "succeeded"
    until(lambda: not cluster.rows("SELECT id FROM sessions WHERE life = 'active' AND ledger_seq > 0"), "all went on")
    ends = cluster.rows("SELECT id, continues FROM sessions WHERE life = 'active'")
    assert len(ends) == SESSIONS
    assert all(continues for _, continues in ends)
    links = cluster.rows("SELECT id, continued_by FROM sessions WHERE continued_by IS NOT NULL")
    back = cluster.rows("SELECT continues, id FROM sessions WHERE continues IS NOT NULL")
    assert sorted(links) == sorted(back)
    said = cluster.rows("SELECT task_id, count(*) FROM messages GROUP BY task_id")
    assert sorted(said) == sorted((task.id, 2) for task in accepted)
