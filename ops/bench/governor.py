"""`overnight bench --governor`: more sessions than Claude's limits allow, limits that are halved, a storm of 529."""

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass

from ops.bench.ground import ground
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
HEADER = f"{'phase':<18}{'seconds':>8}{'requests':>9}{'used of what was allowed':>38}{'429':>6}{'529':>6}{'in hand':>9}"
#: Names of limits, and how a table calls them.
SHORT = {"rpm": "requests", "itpm": "input", "otpm": "output"}


@dataclass(frozen=True, slots=True)
class Phase:
    """What was allowed and done in a stretch of time; `held` is the most sessions that were owned at a moment."""

    name: str
    seconds: float
    allowed: Mapping[str, float]
    counted: Counter[str]
    outcomes: Counter[str]
    held: int

    @property
    def share(self) -> float:
        """Of the limit that was used most: the others could not be used further."""
        return max((self.counted[name] / allowed for name, allowed in self.allowed.items()), default=0.0)

    def __str__(self) -> str:
        shares = [f"{SHORT[name]} {self.counted[name] / allowed:.0%}" for name, allowed in self.allowed.items()]
        refused = f"{self.outcomes['http_429']:>6}{self.outcomes['http_529']:>6}{self.held:>9}"
        return f"{self.name:<18}{self.seconds:>8.0f}{self.outcomes['ok']:>9}{', '.join(shares):>38}{refused}"


class Trial:
    def __init__(self, claude: RunningSimulator, ours: Overnight) -> None:
        self._claude = claude
        self._ours = ours
        self._since, self._seen = time.monotonic(), self._claude.stats()

    def phase(self, name: str, seconds: float, *, minutes_before: float = 0.0, is_storm: bool = False) -> Phase:
        """Watches until so long after the last phase, when so many minutes' worth was there to be used at once."""
        held = 0
        while time.monotonic() - self._since < seconds:
            held = max(held, int(self._ours.ask(HELD)[0][0]))
            time.sleep(SAMPLE)
        now, seen = time.monotonic(), self._claude.stats()
        took = now - self._since
        minutes = minutes_before + took / 60
        limits = {} if is_storm else self._claude.limit()
        allowed = {name: minutes * limit for name, limit in limits.items() if limit}
        counted, outcomes = (Counter(seen[what]) - Counter(self._seen[what]) for what in ("counted", "outcomes"))
        phase = Phase(name, took, allowed, counted, outcomes, held)
        self._since, self._seen = now, seen
        print(phase, flush=True)
        return phase

    def failed(self) -> int:
        return int(self._ours.ask(FAILED)[0][0])


def main(arguments: list[str]) -> int:
    """Gives the exit code: 1 where less than 90 % was used, 2 % or more refused, or a task failed."""
    asked = _read(arguments)
    with _trial(asked) as (trial, claude):
        limits = {"rpm": asked.rpm, "itpm": asked.itpm, "otpm": asked.otpm}
        print(f"{asked.sessions} sessions, {asked.workers} workers, {limits} a minute\n{HEADER}", flush=True)
        phases = [trial.phase("from cold", asked.seconds, minutes_before=1.0)]
        claude.limit(**{name: limit // 2 for name, limit in limits.items()})
        phases.append(trial.phase("limits halved", asked.seconds))
        claude.fault(status=529, seconds=asked.storm)
        trial.phase("a storm of 529", asked.storm, is_storm=True)
        phases.append(trial.phase("after the storm", asked.seconds))
        told = sum((phase.outcomes for phase in phases), Counter())
        used = min(phase.share for phase in phases)
        share, failed = told["http_429"] / max(1, told.total()), trial.failed()
        print(f"least share {used:.1%}; 429: {share:.2%} of requests; tasks failed: {failed}")
    return int(used < 0.9 or share >= 0.02 or failed > 0)


@contextmanager
def _trial(asked: argparse.Namespace) -> Iterator[tuple[Trial, RunningSimulator]]:
    limits = ("--rpm", str(asked.rpm), "--itpm", str(asked.itpm), "--otpm", str(asked.otpm))
    with ground() as place, chdir(place.folder), running_simulator("--no-record", "--latency", "1", *limits) as claude:
        slots = 25 * asked.workers
        with overnight(place, "governor", claude.url, asked.workers, slots, True) as ours:
            trial = Trial(claude, ours)
            _submit(ours, asked)
            yield trial, claude


def _submit(ours: Overnight, asked: argparse.Namespace) -> None:
    database, after_commit = Database(ours.database_url), AfterCommit(ours.door["redis_url"])
    more = " and so on" * (asked.words // 3)
    for number in range(asked.sessions):
        said = [f"Turn {turn} of session {number}{more}." for turn in range(asked.turns)]
        first = [NewTask([{"type": "text", "text": text}]) for text in said]
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
    parser.add_argument("--itpm", type=int, default=30_000, help="input tokens a minute (default: 30,000)")
    parser.add_argument("--otpm", type=int, default=8_000, help="output tokens a minute (default: 8,000)")
    parser.add_argument("--words", type=int, default=0, help="of each prompt, about; so that tokens are what is scarce")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=120.0, help="of each phase (default: 120)")
    parser.add_argument("--storm", type=float, default=60.0, help="seconds of 529 (default: 60)")
    return parser.parse_args(arguments)
