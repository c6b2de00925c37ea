"""A task submitted in the very moment of release, thousands of times, on both databases: never stuck (invariant 6)."""

import random
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from queue import Empty, Queue

import pytest
from sqlalchemy import or_, select
from sqlmodel import col

from overnight.models import Message, Session, Task
from overnight.states import UNFINISHED, TaskStatus
from overnight.store import leases, pauses, sweeps, tasks, turns
from overnight.store.database import Database
from overnight.store.leases import Lease
from overnight.store.turn import Following, Turn
from tests.store.scenes import NO_LIMITS, change, moved_on, new_session, reply, submit

OWNERS = 4
RACED = 2_000  # tasks, on each database


@dataclass
class Cluster:
    """A submitter for each session and some owners, with nothing between them but the database and wake-ups."""

    accepting: Database
    working: Database
    drop: float = 0.0  # the share of wake-ups that get lost
    wakes: Queue[str] = field(default_factory=Queue)
    releases: int = 0
    lost: int = 0
    done: threading.Event = field(default_factory=threading.Event)
    ending: dict[str, threading.Semaphore] = field(default_factory=lambda: defaultdict(lambda: threading.Semaphore(0)))
    problems: list[BaseException] = field(default_factory=list)

    def submit_all(self, session_id: str, count: int, chance: random.Random) -> None:
        delay = 0.001
        for number in range(count):
            late = submit(self.accepting, session_id, str(number)).wake
            if late:
                self.wake(session_id, chance)
            # Homes in on the moment of release, however long the machine takes: too late, sooner; too soon, later.
            delay = max(0.00001, delay * (0.8 if late else 1.25))
            if not self.drop:
                assert self.ending[session_id].acquire(timeout=60), f"task {number} of {session_id} is stuck"
                time.sleep(delay)

    def wake(self, session_id: str, chance: random.Random) -> None:
        if chance.random() < self.drop:
            self.lost += 1
            return
        self.wakes.put(session_id)
        if chance.random() < 0.1:  # doubled, as Celery does at times
            self.wakes.put(session_id)

    def own(self, owner: str) -> None:
        while True:
            try:
                session_id = self.wakes.get(timeout=0.05)
            except Empty:
                if self.done.is_set():
                    return
                continue
            self.slice(session_id, owner)

    def slice(self, session_id: str, owner: str) -> None:
        with self.working.write() as connection:
            lease = leases.acquire(connection, session_id, owner, 60.0)
            following: Following = tasks.head(connection, session_id) if lease else None
        if lease is None:
            return
        for place in count():
            following = following or self.rest(lease)
            if following is None:
                return
            self.ending[session_id].release()
            with self.working.write() as connection:
                begun = isinstance(following, Turn)
                turn = following if begun else turns.begin(connection, lease, following, NO_LIMITS)
            answer = reply(turn.task.content[0]["text"])
            with self.working.write() as connection:
                following = turns.succeed(connection, turn, answer, chain=place % 2 == 0)
            if following is None:
                self.releases += 1
                return
            lease = moved_on(turn.lease)

    def rest(self, lease: Lease) -> Task | None:
        with self.working.write() as connection:
            return pauses.rest(connection, lease, NO_LIMITS)

    def run(self, sessions: list[str], count: int) -> None:
        """Everything is submitted; then the owners finish what they were woken for, and go."""
        owners = [self.start(self.own, f"node#{n}") for n in range(OWNERS)]
        share = count // len(sessions)
        submitters = [self.start(self.submit_all, one, share, random.Random(n)) for n, one in enumerate(sessions)]
        for thread in submitters:
            thread.join()
        self.done.set()
        for thread in owners:
            thread.join()
        assert self.problems == []

    def start(self, act: object, *args: object) -> threading.Thread:
        def guarded() -> None:
            try:
                act(*args)  # type: ignore[operator]
            except BaseException as error:
                self.problems.append(error)

        thread = threading.Thread(target=guarded)
        thread.start()
        return thread


@pytest.fixture
def quick_switches() -> Iterator[None]:
    """Threads that come back from the database need not wait long for the interpreter."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(0.0002)
    yield
    sys.setswitchinterval(usual)


@pytest.fixture
def cluster(database_url: str, quick_switches: None) -> Iterator[Cluster]:
    accepting, working = Database(database_url), Database(database_url)
    yield Cluster(accepting, working)
    accepting.close()
    working.close()


def stuck(database: Database) -> list[str]:
    """Sessions with work left that no owner has and no sweep would ever find."""
    unfinished = select(col(Task.session_id)).where(col(Task.status).in_(sorted(UNFINISHED)))
    with database.read() as connection:
        statement = select(col(Session.id)).where(
            col(Session.id).in_(unfinished), col(Session.lease_owner).is_(None), col(Session.wake_at).is_(None)
        )
        return list(connection.execute(statement).scalars())


def unfinished(database: Database) -> int:
    with database.read() as connection:
        return len(connection.execute(select(col(Task.id)).where(col(Task.status) != TaskStatus.SUCCEEDED)).all())


def check_ledgers(database: Database, sessions: list[str]) -> None:
    """Each task once, in the order of acknowledgement, prompt and reply in turn."""
    with database.read() as connection:
        for session_id in sessions:
            asked = select(col(Task.id)).where(col(Task.session_id) == session_id).order_by(col(Task.seq))
            order = connection.execute(asked).scalars().all()
            said = select(col(Message.seq), col(Message.role), col(Message.task_id)).where(
                col(Message.session_id) == session_id
            )
            written = connection.execute(said.order_by(col(Message.seq))).all()
            expected = [(task_id, role) for task_id in order for role in ("user", "assistant")]
            assert [(row.task_id, row.role) for row in written] == expected
            assert [row.seq for row in written] == list(range(1, len(expected) + 1))


def test_a_task_submitted_in_the_moment_of_release_is_never_stuck(cluster: Cluster) -> None:
    """Without any sweep: the wake-ups that submitting asks for are enough."""
    sessions = [new_session(cluster.accepting) for _ in range(4)]
    cluster.run(sessions, RACED)
    assert unfinished(cluster.accepting) == 0
    check_ledgers(cluster.accepting, sessions)
    with cluster.accepting.read() as connection:
        held = or_(col(Session.lease_owner).is_not(None), col(Session.wake_at).is_not(None))
        assert connection.execute(select(col(Session.id)).where(held)).all() == []
    assert 0.1 < cluster.releases / RACED < 0.9, "the tasks came always before or always after the release"


def test_when_wake_ups_are_lost_the_sweep_finds_what_is_owed(cluster: Cluster) -> None:
    sessions = [new_session(cluster.accepting) for _ in range(6)]
    cluster.drop = 0.6
    cluster.run(sessions, 90)
    assert cluster.lost > 0
    assert stuck(cluster.accepting) == []
    for session_id in sessions:
        with cluster.accepting.read() as connection:
            waits = connection.execute(select(col(Session.wake_at)).where(col(Session.id) == session_id)).scalar_one()
        if waits is not None:
            change(cluster.accepting, session_id, wake_at=-1.0)  # time passes
    with cluster.accepting.write() as connection:
        owed = sweeps.take_due(connection)
    assert owed, "no lost wake-up left anything behind: nothing was tested"
    for session_id in owed:
        cluster.slice(session_id, "node#late")
    assert unfinished(cluster.accepting) == 0
    check_ledgers(cluster.accepting, sessions)
