"""The submitter as a child: held back until everything is ready, then let go, then asked what it did."""

import json
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, NamedTuple

from ops.bench.errors import BenchError
from ops.bench.work import Turn, Work


class Handover(NamedTuple):
    """When a turn was sent and when it was accepted, seconds since 1970."""

    sent: float
    accepted: float


class Submission:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.handovers: dict[Turn, Handover] = {}

    def begin(self) -> None:
        self._say("go")

    def is_over(self) -> bool:
        """Whether every turn was handed over; `handovers` is full then."""
        assert self.process.stdout
        if not self.handovers and select.select([self.process.stdout], [], [], 0)[0]:
            report = json.loads(self._hear())
            self.handovers = {Turn(session, number): Handover(*when) for session, number, *when in report}
        return bool(self.handovers)

    def prepare(self, work: Work, door: dict[str, Any]) -> None:
        """Returns when it waits for nothing but `begin`."""
        self._say(json.dumps({"work": asdict(work), "door": door}))
        self._hear()

    def _say(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def _hear(self) -> str:
        assert self.process.stdout
        if line := self.process.stdout.readline():
            return line
        raise BenchError("the submitter has ended: its error is above")


@contextmanager
def submission(work: Work, door: dict[str, Any]) -> Iterator[Submission]:
    command = [sys.executable, "-P", "-m", "ops.bench.submitter"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own module
        try:
            made = Submission(process)
            made.prepare(work, door)
            yield made
        finally:
            process.terminate()
