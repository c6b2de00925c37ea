"""`python -m ops.bench.submitter`: hands over one work's turns, in a process of its own because its CPU counts.

Reads its order, says `ready`, waits for a line, submits, writes its report, and stays until its input ends so that
its CPU can be read.
"""

import json
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from ops.bench.doors import AT_A_TIME, Door, open_door
from ops.bench.work import Turn, Work

Report = list[tuple[str, int, float, float]]  # session, turn, when sent, when accepted (seconds since 1970)


class Shuffled:
    """Gives out the turns, sessions at random; a session's next one only when the one before it was accepted."""

    def __init__(self, work: Work) -> None:
        self._next = [Turn(session, 1) for session in work.session_names]
        self._turns = work.turns
        self._chance = random.Random(work.name)
        self._lock = threading.Lock()

    def take(self) -> Turn | None:
        with self._lock:
            if not self._next:
                return None
            place = self._chance.randrange(len(self._next))
            self._next[place], self._next[-1] = self._next[-1], self._next[place]
            return self._next.pop()

    def accepted(self, turn: Turn) -> None:
        if turn.number < self._turns:
            with self._lock:
                self._next.append(Turn(turn.session, turn.number + 1))


def main() -> None:
    order = json.loads(sys.stdin.readline())
    work = Work(**order["work"])
    at_a_time = 1 if work.pause else AT_A_TIME[order["door"]["kind"]]
    door = open_door(**order["door"], at_a_time=at_a_time)
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(submit_all(work, door, at_a_time)), flush=True)
    sys.stdin.read()


def submit_all(work: Work, door: Door, at_a_time: int) -> Report:
    shuffled = Shuffled(work)
    with ThreadPoolExecutor(at_a_time) as pool:
        reports = [pool.submit(_submit_some, work, shuffled, door) for _ in range(at_a_time)]
    door.close()
    return [line for report in reports for line in report.result()]


def _submit_some(work: Work, shuffled: Shuffled, door: Door) -> Report:
    report: Report = []
    while turn := shuffled.take():
        sent = time.time()
        door.submit(turn)
        report.append((*turn, sent, time.time()))
        shuffled.accepted(turn)
        if work.pause:
            # Never in step with what happens every second.
            time.sleep(random.uniform(0.5, 1.5) * work.pause)
    return report


if __name__ == "__main__":
    main()
