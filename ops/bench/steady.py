"""Turns that come at a steady pace, whatever else is going on."""

import time

from ops.bench.ours import Overnight
from ops.bench.phases import Phase
from ops.bench.store_door import StoreDoor
from ops.bench.work import Turn

ENDED = "SELECT count(*), count(summary) FROM sessions WHERE life = 'archived' AND archived_at IS NOT NULL"
UNPACKED = "SELECT count(*) FROM packing"
OPEN = "SELECT count(*) FROM tasks WHERE finished_at IS NULL"
ANY = "SELECT session_id FROM tasks WHERE status = 'succeeded' ORDER BY created_at LIMIT 1"
TURNS = """SELECT extract(epoch FROM finished_at - created_at) FROM tasks
WHERE status = 'succeeded' AND created_at >= to_timestamp({0}) AND created_at < to_timestamp({1})"""
CLOCK = "SELECT extract(epoch FROM clock_timestamp())"
SESSIONS = 40


class Steady:
    """`pace` a second, to forty sessions in turn."""

    def __init__(self, ours: Overnight, pace: float) -> None:
        self._door = StoreDoor(4, ours.database_url, ours.door["redis_url"])
        self._ours = ours
        self._pause = 1 / pace
        self._number = 0

    def phase(self, name: str, seconds: float, *, until_ended: int = 0, until_packed: bool = False) -> Phase:
        """For so many seconds, and until so many sessions have ended, or all of those are packed."""
        since, began = self._ask(CLOCK), time.monotonic()
        ended = [(0.0, self.ended()[0])]
        while (
            time.monotonic() - began < seconds
            or ended[-1][1] < until_ended
            or (until_packed and self._ask(UNPACKED) > 0)
        ):
            self._submit()
            time.sleep(self._pause)
            ended.append((time.monotonic() - began, self.ended()[0]))
        until = self._ask(CLOCK)
        while self._ask(OPEN) > 0:
            time.sleep(0.1)
        turns = [float(row[0]) for row in self._ours.ask(TURNS.format(since, until))]
        phase = Phase(name, ended[-1][0], turns, ended)
        print(phase, flush=True)
        return phase

    def ended(self) -> tuple[int, int]:
        """How many sessions have ended, and how many of these with a summary."""
        all_of_them, summarised = self._ours.ask(ENDED)[0]
        return int(all_of_them), int(summarised)

    def a_session(self) -> str:
        """One that was had, and is idle."""
        return str(self._ours.ask(ANY)[0][0])

    def close(self) -> None:
        self._door.close()

    def _submit(self) -> None:
        self._number += 1
        self._door.submit(Turn(f"s{self._number % SESSIONS}", self._number))

    def _ask(self, query: str) -> float:
        return float(self._ours.ask(query)[0][0])
