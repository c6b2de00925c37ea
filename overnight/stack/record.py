"""`stack.json`: which processes a stack runs and where it answers, for clients and for the start after a crash."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

import psutil

from overnight.stack.private_files import write_private

FILE_NAME = "stack.json"
# Linux reckons creation times from a boot time in whole seconds, which shifts when the clock is adjusted.
SAME_TIME = 2.0


@dataclass(frozen=True)
class Mark:
    """A process, told apart from a later one with the same pid by when it was created (seconds since 1970)."""

    name: str
    pid: int
    create_time: float

    @classmethod
    def of(cls, name: str, pid: int) -> Self:
        return cls(name, pid, psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """The very process, if it still lives."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.create_time) < SAME_TIME
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None


@dataclass(frozen=True)
class Record:
    supervisor: Mark
    started_at: str  # ISO 8601, UTC
    base_url: str | None
    flower_url: str | None = None
    simulated: bool = False
    children: tuple[Mark, ...] = field(default=())

    def with_children(self, children: Iterable[Mark]) -> "Record":
        return replace(self, children=tuple(children))

    def write(self, data_dir: Path) -> None:
        write_private(data_dir / FILE_NAME, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, data_dir: Path) -> Self | None:
        """None where there is none that can be read."""
        try:
            raw = json.loads((data_dir / FILE_NAME).read_text(encoding="utf-8"))
            supervisor = Mark(**raw.pop("supervisor"))
            return cls(supervisor, children=tuple(Mark(**mark) for mark in raw.pop("children")), **raw)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None


def this_process() -> Mark:
    return Mark.of("supervisor", os.getpid())


def forget(data_dir: Path) -> None:
    (data_dir / FILE_NAME).unlink(missing_ok=True)
