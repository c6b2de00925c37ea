"""`overnight bench --governor`: more sessions than Claude's limits allow, limits that are halved, a storm of 529."""

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from typing import Any

from ops.bench.ground import connected, ground, rows
from ops.bench.ours import Overnight, overnight
from ops.simulator.running import RunningSimulator, running_simulator
from overnight.after_commit import AfterCommit
from overnight.models import DEFAULT_WORKSPACE
from overnight.store import sessions
from overnight.store.database import Database
from overnight.store.sessions import NewSession
from overnight.store.submissions import NewTask

HELD = "SELECT count(*) FROM sessions WHERE lease_owner IS NOT NULL"
FAILED = "SELECT count(*) FROM tasks WHERE status IN ('failed', 'cancelled')"
SAMPLE = 0.5
HEADER = f"{'phase':<28}{'seconds':>9}{'allowed':>9}{'served':>8}{'share':>8}{'429':>6}{'529':>6}{'in hand':>9}"


@dataclass(frozen=True, slots=True)
class Phase:
    """What was allowed and done in a stretch of time; `held` is the most sessions that were owned at a moment."""

    name: str
    seconds: float
    allowed: float
    outcomes: Counter[str]
    held: int

    def __str__(self) -> str:
        served = self.outcomes["ok"]
        share = f"{served / self.allowed:.1%}" if self.allowed else "-"
        refused = f"{self.outcomes['http_429']:>6}{self.outcomes['http_529']:>6}{self.held:>9}"
        return f"{self.name:<28}{self.seconds:>9.0f}{self.allowed:>9.0f}{served:>8}{share:>8}{refused}"


class Trial:
    def __init__(self, claude: RunningSimulator, ours: Overnight, connection: Any) -> None:
        self._claude = claude
        self._ours = ours
        self._connection = connection
        self._since, self._counted = time.monotonic(), self._outcomes()

    def phase(self, name: str, seconds: float, a_minute: float, at_once: float = 0.0) -> Phase:
        """Watches until so long after the last phase; `at_once` is what was allowed when that ended."""
        held = 0
        while time.monotonic() - self._since < seconds:
            held = max(held, int(rows(self._connection, HELD)[0][0]))
            time.sleep(SAMPLE)
        now, counted = time.monotonic(), self._outcomes()
        took = now - self._since
        phase = Phase(name, took, at_once + a_minute / 60 * took, counted - self._counted, held)
        self._since, self._counted = now, counted
        print(phase, flush=True)
        return phase

    def failed(self) -> int:
        return int(rows(self._connection, FAILED)[0][0])

    def _outcomes(self) -> Counter[str]:
        return Counter(self._claude.stats()["outcomes"])


def main(arguments: list[str]) -> int:
    """Gives the exit code: 1 where less than 90 % was used, 2 % or more refused, or a task failed."""
    asked = _read(arguments)
    with _trial(asked) as (trial, claude):
        print(f"{asked.sessions} sessions, {asked.rpm} requests/min, {asked.workers} workers\n{HEADER}", flush=True)
        phases = [trial.phase("from cold", asked.seconds, asked.rpm, at_once=asked.rpm)]
        claude.limit(rpm=asked.rpm // 2)
        phases.append(trial.phase("limits halved", asked.seconds, asked.rpm / 2))
        claude.fault(status=529, seconds=asked.storm)
        trial.phase("a storm of 529", asked.storm, 0)
        after = trial.phase("after the storm", asked.seconds, asked.rpm / 2)
        told = sum((phase.outcomes for phase in [*phases, after]), Counter())
        used = min(phase.outcomes["ok"] / phase.allowed for phase in [*phases, after])
        share, failed = told["http_429"] / max(1, told.total()), trial.failed()
        print(f"least share {used:.1%}; 429: {share:.2%} of requests; tasks failed: {failed}")
    return int(used < 0.9 or share >= 0.02 or failed > 0)


@contextmanager
def _trial(asked: argparse.Namespace) -> Iterator[tuple[Trial, RunningSimulator]]:
    limits = ("--rpm", str(asked.rpm), "--itpm", str(asked.itpm))
    with ground() as place, chdir(place.folder), running_simulator("--no-record", "--latency", "1", *limits) as claude:
        slots = 25 * asked.workers
        with (
            overnight(place, "governor", claude.url, asked.workers, slots, True) as ours,
            _questions(ours) as connection,
        ):
            trial = Trial(claude, ours, connection)
            _submit(ours, asked.sessions, asked.turns)
            yield trial, claude


def _questions(ours: Overnight) -> Any:
    return connected(ours.door["database_url"].replace("postgresql+psycopg", "postgresql"))


def _submit(ours: Overnight, count: int, turns: int) -> None:
    database, after_commit = Database(ours.door["database_url"]), AfterCommit(ours.door["redis_url"])
    for number in range(count):
        first = [NewTask([{"type": "text", "text": f"Turn {turn} of session {number}."}]) for turn in range(turns)]
        with database.write() as connection:
            session = NewSession(model="claude-sonnet-5-5", max_tokens=1_000)
            accepted = sessions.create(connection, DEFAULT_WORKSPACE, session, first, idle_check=0)
        after_commit.wake(session.id, accepted[0].task.id)
    after_commit.close()
    database.close()


def _read(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("overnight bench --governor", description="More work than Claude's limits allow.")
    parser.add_argument("--sessions", type=int, default=300)
    parser.add_argument("--turns", type=int, default=10, help="of each session, submitted at once (default: 10)")
    parser.add_argument("--rpm", type=int, default=60, help="requests a minute that Claude allows (default: 60)")
    parser.add_argument("--itpm", type=int, default=1_000_000, help="input tokens a minute (default: a million)")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=120.0, help="of each phase (default: 120)")
    parser.add_argument("--storm", type=float, default=60.0, help="seconds of 529 (default: 60)")
    return parser.parse_args(arguments)
