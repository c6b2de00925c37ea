"""Long loops of tools while workers are killed at random: the world outside ends up as without the kills."""

import json
import random
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing

from overnight.models import Task
from tests.process.cluster import Cluster, until
from tests.process.conftest import MakeCluster
from tests.process.invariants import assert_results_were_sent, overlapping_requests
from tests.process.working_agents import MODULE, Team
from tests.process.working_tools import SCHEMA

SESSIONS, STEPS = 100, 10
UNDISTURBED = 5  # all accounts come to the same total, so a few show it
WORKERS = ("w1", "w2", "w3")
EVERY = 2.0  # seconds between two kills
GOOD_PART = 0.7


def test_random_kills_leave_the_world_as_it_would_be(make_cluster: MakeCluster) -> None:
    """100 sessions x 10 steps on 3 workers, one of which is killed every 2 s and started again."""
    cluster = make_cluster(latency=0.2, lease_ttl="6", tools=MODULE)
    for name in WORKERS:
        cluster.start_worker(name)
    cluster.start_beat()
    cluster.wait_for_workers(*WORKERS)
    team = Team(cluster)

    calm = submit(team, "calm", UNDISTURBED)
    cluster.wait_until_idle(patience=300)
    cluster.sim("DELETE", "/sim/requests")
    stormy = submit(team, "stormy", SESSIONS)
    kill_until_a_good_part_is_done(cluster)
    cluster.wait_until_idle(patience=300)

    assert cluster.rows("SELECT status, count(*) FROM tasks GROUP BY status") == [("succeeded", UNDISTURBED + SESSIONS)]
    [total] = set(totals(cluster, "calm").values())
    assert totals(cluster, "stormy") == {str(number): total for number in range(SESSIONS)}
    assert effects(cluster, "calm") == UNDISTURBED * STEPS
    assert effects(cluster, "stormy") == SESSIONS * STEPS
    assert repeated(cluster, calm) == 0
    assert repeated(cluster, stormy) > 0, "no kill came between an effect and its result: nothing is shown"
    for task in stormy:
        assert len(team.check_ledger(task)) == 1 + 2 * STEPS
        assert len(team.ledger(task)) == 2 + 2 * STEPS
    assert assert_results_were_sent(cluster) >= SESSIONS * (STEPS + 1)
    assert overlapping_requests(cluster) == []


def submit(team: Team, name: str, accounts: int) -> list[Task]:
    with closing(sqlite3.connect(team.cluster.folder / f"{name}.book")) as book:
        book.execute("PRAGMA journal_mode = WAL")
        book.executescript(SCHEMA)
    return [team.begin(prompt(name, str(number))) for number in range(accounts)]


def prompt(name: str, account: str) -> str:
    given = json.dumps({"name": name, "account": account, "n": "STEP"}).replace('"STEP"', "{step}")
    return f"{name} {account} [[sim tool=account loop={STEPS} input={json.dumps(given)}]]"


def kill_until_a_good_part_is_done(cluster: Cluster) -> None:
    before = steps(cluster)
    while steps(cluster) - before < GOOD_PART * SESSIONS * STEPS:
        time.sleep(EVERY)
        name = random.choice(WORKERS)
        cluster.kill(name)
        cluster.start_worker(name)
    until(lambda: all(cluster.processes[name].poll() is None for name in WORKERS), "all workers")


def steps(cluster: Cluster) -> int:
    return int(cluster.rows("SELECT sum(steps) FROM tasks")[0][0])


def totals(cluster: Cluster, name: str) -> dict[str, int]:
    with closing(sqlite3.connect(cluster.folder / f"{name}.book")) as book:
        return dict(book.execute("SELECT account, total FROM totals"))


def effects(cluster: Cluster, name: str) -> int:
    with closing(sqlite3.connect(cluster.folder / f"{name}.book")) as book:
        return int(book.execute("SELECT count(*) FROM done").fetchone()[0])


def repeated(cluster: Cluster, tasks: Iterable[Task]) -> int:
    """How many calls were run more than once."""
    ours = {task.id for task in tasks}
    return sum(row.task_id in ours for row in cluster.rows("SELECT task_id FROM tool_calls WHERE attempts > 1"))
