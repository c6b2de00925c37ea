"""Ends a stack's children when its supervisor vanishes without stopping them (kill -9, out of memory).

A small process beside the supervisor, which holds the other end of its standard input: end of file means that the
supervisor is gone, however it went. Unlike PR_SET_PDEATHSIG this works on every Unix, needs no code between fork and
exec, does not depend on which thread forked, and lets the children drain. When it is killed as well, the next start
ends the leftovers.
"""

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from overnight.stack.leftovers import end_leftovers
from overnight.stack.record import Mark, Record, this_process


class Guardian:
    """Stands by while the `with` block runs."""

    def __init__(self, data_dir: Path) -> None:
        ward = this_process()
        argv = [sys.executable, "-P", "-m", __name__, str(data_dir), str(ward.pid), str(ward.create_time)]
        # A session of its own keeps Ctrl-C in the terminal from ending it before its time.
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()


def watch_over(data_dir: Path, ward: Mark) -> None:
    """Returns when the supervisor is gone and nothing of it is left."""
    sys.stdin.buffer.read()
    record = Record.read(data_dir)
    # A new stack may have started meanwhile: its record is none of ours.
    if record and record.supervisor.pid == ward.pid and record.supervisor.create_time == ward.create_time:
        end_leftovers(record.children)


if __name__ == "__main__":
    watch_over(Path(sys.argv[1]), Mark("supervisor", int(sys.argv[2]), float(sys.argv[3])))
