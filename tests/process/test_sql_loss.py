"""The database restarts, the API dies: what was acknowledged runs."""

import httpx2
import pytest

from tests.process.cluster import until
from tests.process.conftest import MakeCluster
from tests.process.invariants import assert_history_was_sent, assert_ledgers_are_whole
from tests.servers import Postgres, postgres

SESSIONS = 20


@pytest.fixture
def own_postgres() -> "Postgres":
    with postgres() as server:
        yield server


@pytest.fixture
def database_url(own_postgres: Postgres) -> str:
    """On a server of its own: this one is stopped."""
    from overnight.store import schema
    from overnight.store.database import Database

    url = own_postgres.new_database()
    database = Database(url)
    schema.migrate(database)
    database.close()
    return url


def test_postgres_restarted_in_mid_run(make_cluster: MakeCluster, own_postgres: Postgres) -> None:
    cluster = make_cluster(latency=0.5)
    cluster.start_worker("w1")
    cluster.start_beat()
    cluster.start_api()
    cluster.wait_for_workers("w1")
    firsts = [cluster.submit(f"session {number} task 1") for number in range(SESSIONS)]
    for number, first in enumerate(firsts):
        cluster.submit(f"session {number} task 2", first.session_id)
    until(lambda: cluster.sim("GET", "/sim/stats")["in_flight"] >= 5, "requests in flight")
    own_postgres.stop()
    answer = cluster.api("POST", "/v1/tasks", json={"prompt": "while it is away"})
    assert answer.status_code == 503
    assert answer.json()["error"]["details"]["error_code"] == "database_unavailable"
    own_postgres.start()
    until(lambda: cluster.api("GET", "/v1/tasks").status_code == 200, "the API back")
    cluster.wait_until_idle()
    assert cluster.rows("SELECT status, count(*) FROM tasks GROUP BY status") == [("succeeded", SESSIONS * 2)]
    assert_ledgers_are_whole(cluster)
    assert_history_was_sent(cluster)


def test_api_killed_right_after_the_commit(make_cluster: MakeCluster) -> None:
    """No wake-up was sent: the sweep finds the task."""
    cluster = make_cluster()
    cluster.start_worker("w1")
    cluster.start_beat()
    cluster.wait_for_workers("w1")
    cluster.start_api()
    cluster.kill("redis")  # so that a wake-up cannot have been sent before the API dies
    task = cluster.api("POST", "/v1/tasks", json={"prompt": "session 0 task 1"}).json()
    cluster.kill("api")
    cluster.start_redis()
    until(lambda: cluster.task(task["id"]).status == "succeeded", "the task done")
    with pytest.raises(httpx2.ConnectError):
        cluster.api("GET", "/healthz")
