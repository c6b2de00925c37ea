"""Finds the stack that runs on a data directory."""

import time
from dataclasses import dataclass
from pathlib import Path

from overnight.stack.lock import holder
from overnight.stack.ready import http_answers
from overnight.stack.record import Record


@dataclass(frozen=True)
class Running:
    pid: int
    base_url: str
    started_at: str
    flower_url: str | None
    simulated: bool


def find_running(data_dir: Path, patience: float = 0.0) -> Running | None:
    """The stack that holds the directory's lock and answers; one that is still starting gets `patience` seconds."""
    deadline = time.monotonic() + patience
    while (pid := holder(data_dir)) is not None:
        if running := _answering(data_dir, pid):
            return running
        if time.monotonic() >= deadline:
            return None
        time.sleep(0.05)
    return None


def _answering(data_dir: Path, pid: int) -> Running | None:
    record = Record.read(data_dir)
    # A record of another process is one that a crash left behind.
    if record is None or record.supervisor.pid != pid or record.base_url is None:
        return None
    if not http_answers(f"{record.base_url}/healthz")():
        return None
    return Running(pid, record.base_url, record.started_at, record.flower_url, record.simulated)
