"""Starts one child as the supervisor wants it: own session, no input, output to its log."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

from overnight.stack.child import Child
from overnight.stack.logs import last_lines, open_log
from overnight.stack.record import Mark


@dataclass(frozen=True)
class Spawned:
    process: subprocess.Popen[bytes]
    mark: Mark | None  # None when it was gone before it could be looked at
    log_path: Path
    log_start: int  # where its own lines begin

    @property
    def lives(self) -> bool:
        return self.process.poll() is None

    def last_lines(self) -> list[str]:
        return last_lines(self.log_path, since=self.log_start)

    def outlives(self, seconds: float) -> bool:
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return True
        return False


def spawn(child: Child, log_path: Path) -> Spawned:
    """Raises OSError when it cannot be run."""
    with open_log(log_path) as output:
        log_start = output.tell()
        # A session of its own: Ctrl-C in the terminal reaches the supervisor alone, which stops all in order.
        process = subprocess.Popen(  # noqa: S603 - the command of a child that was given to us
            child.argv,
            env=child.env,
            cwd=child.cwd,
            umask=child.umask,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Spawned(process, _mark(child.name, process.pid), log_path, log_start)


def _mark(name: str, pid: int) -> Mark | None:
    try:
        return Mark.of(name, pid)
    except psutil.Error:
        return None
