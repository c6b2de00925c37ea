"""Windows in which a task with tools could be stuck, asked twice or put in disorder."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from overnight.models import DEFAULT_WORKSPACE, Task
from overnight.states import CallStatus, StopRequest
from overnight.store import submissions
from overnight.store.submissions import NewTask
from tests.process.cluster import Cluster, until
from tests.process.conftest import MakeCluster, at_work
from tests.process.test_tools_stops import holds, pass_deadline, stop
from tests.process.working_agents import MODULE, Team, call, script

HANGS = "[[sim hang step=2 times=1]]"


@pytest.fixture
def cluster(make_cluster: MakeCluster) -> Cluster:
    return at_work(make_cluster(tools=MODULE, lease_ttl="4"))


def test_a_stop_reaches_a_task_whose_tools_died_with_their_worker(cluster: Cluster) -> None:
    team = Team(cluster)
    task = team.begin(script([call("note", n=1)], [call("note", n=2)]) + HANGS)
    until(lambda: cluster.task(task.id).steps == 1 and in_flight(cluster) == 1, "the second request hangs")
    cluster.kill("w1")
    stop(cluster, StopRequest.CANCEL, task)
    without_tools(cluster)
    assert cluster.wait_for(task, patience=20).status == "cancelled"
    team.check_ledger(task)


def test_what_follows_a_stop_is_asked_once(cluster: Cluster) -> None:
    team = Team(cluster)
    task = team.begin(script([call("hold")]))
    until(lambda: holds(team, task), "the call held")
    after = submit(cluster, task, "And then?")
    stop(cluster, StopRequest.CANCEL, task)
    assert cluster.wait_for(after).status == "succeeded"
    assert cluster.rows("SELECT count(*) FROM model_calls WHERE outcome <> 'kept'")[0][0] == 0
    assert asked_for(cluster, "And then?") == 1


def test_what_follows_a_deadline_waits_for_its_tools_too(cluster: Cluster) -> None:
    cluster.kill("w1")
    without_tools(cluster)
    team = Team(cluster)
    late = team.begin(script([call("note", n=1)]))
    until(lambda: cluster.task(late.id).wait_reason == "worker", "waiting for a worker")
    after = cluster.submit("And then?", late.session_id)
    pass_deadline(cluster, late)
    assert cluster.wait_for(late).status == "failed"
    assert cluster.wait_for(after, "waiting", "succeeded", "failed").wait_reason == "worker"
    assert asked_for(cluster, "And then?") == 0, "without tools that its agent has"


def test_a_retry_waits_for_the_step_under_way(cluster: Cluster) -> None:
    """The retried task comes first in the queue, but between a call and its result nothing may be said."""
    team = Team(cluster)
    failed = team.begin("Fail first. [[sim status=400 times=1]]")
    assert cluster.wait_for(failed).status == "failed"
    waits = cluster.submit(script([call("guarded", n=1)]), failed.session_id)
    cluster.wait_for(waits, "waiting")
    with cluster.database.write() as connection:
        _, wake = submissions.retry(connection, DEFAULT_WORKSPACE, failed.id, most_steps=50)
    assert wake
    cluster.after_commit.wake(failed.session_id, failed.id)
    until(lambda: taken_since(cluster, waits), "a look at the session")
    assert cluster.task(failed.id).status == "queued"
    assert cluster.task(waits.id).wait_reason == "approval"
    team.allow(team.open_call(waits, CallStatus.ASKED))
    for task in (failed, waits):
        ended = cluster.wait_for(task)
        assert (ended.status, ended.error) == ("succeeded", None)
    team.check_ledger(waits)


def without_tools(cluster: Cluster) -> None:
    """Starts a worker that serves none."""
    del cluster.env["OVERNIGHT_TOOLS"]
    cluster.start_worker("w2")


def submit(cluster: Cluster, first: Task, prompt: str) -> Task:
    """To the session of `first`, with a deadline, so that its owner looks at it before it begins."""
    new = NewTask([{"type": "text", "text": prompt}], deadline=datetime.now(UTC) + timedelta(days=1))
    with cluster.database.write() as connection:
        return submissions.submit(connection, DEFAULT_WORKSPACE, first.session_id, new, max_age=0).task


def taken_since(cluster: Cluster, task: Task) -> bool:
    """Whether the wake-up that was sent has been followed, and the session let go."""
    row = cluster.rows(f"SELECT lease_owner, wakes FROM sessions WHERE id = '{task.session_id}'")[0]
    return row.lease_owner is None and row.wakes == 0


def asked_for(cluster: Cluster, prompt: str) -> int:
    return sum(prompt in str(request["messages"][-1]) for request in requests(cluster))


def requests(cluster: Cluster) -> list[dict[str, Any]]:
    return cluster.sim("GET", "/sim/requests")["data"]  # type: ignore[no-any-return]


def in_flight(cluster: Cluster) -> int:
    return int(cluster.sim("GET", "/sim/stats")["in_flight"])
