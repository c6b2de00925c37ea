"""The tests' side of `preloaded`: modules started from it, each with the face of a `subprocess.Popen`."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Condition, Thread
from typing import Any, Protocol

ROOT = Path(__file__).parents[1]


class Process(Protocol):
    """What tests do with a process."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


@dataclass(frozen=True)
class Streams:
    """The files that stand for a process's three streams."""

    out: Path
    err: Path
    given: Path = Path(os.devnull)

    @classmethod
    def log(cls, path: Path) -> "Streams":
        return cls(path, path)


class Nursery:
    """Modules run as `python -m` does, without the seconds for loading their libraries."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.preloaded"]
        self._mother = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
        self._changed = Condition()
        self._born: list[int] = []
        self._ended: dict[int, int] = {}
        Thread(target=self._listen, daemon=True).start()

    def start(
        self, module: str, arguments: Sequence[str], env: Mapping[str, str], place: Path, streams: Streams
    ) -> "Child":
        """`place`: the folder that it runs in; in another one than the project's as with `python -P`."""
        assert self._mother.stdin is not None
        for written in (streams.out, streams.err):
            written.open("ab").close()  # to be read from now on
        order: dict[str, Any] = {"module": module, "arguments": list(arguments), "env": dict(env), "place": str(place)}
        order["safe_path"] = place != ROOT
        order["streams"] = [str(stream) for stream in (streams.given, streams.out, streams.err)]
        with self._changed:
            self._mother.stdin.write(json.dumps(order).encode() + b"\n")
            self._mother.stdin.flush()
            assert self._changed.wait_for(lambda: self._born, timeout=240), "no process was born"
            return Child(self, self._born.pop())

    def ended(self, pid: int, timeout: float | None) -> int | None:
        """The exit code, as soon as there is one; waits `timeout` seconds for it, or for ever."""
        with self._changed:
            self._changed.wait_for(lambda: pid in self._ended, timeout)
            return self._ended.get(pid)

    def _listen(self) -> None:
        assert self._mother.stdout is not None
        for line in self._mother.stdout:
            told = json.loads(line)
            with self._changed:
                if "ended" in told:
                    self._ended[told["pid"]] = told["ended"]
                else:
                    self._ended.pop(told["pid"], None)
                    self._born.append(told["pid"])
                self._changed.notify_all()


class Child:
    """One process; never signalled once its end is known, as its number may be another's then."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self.pid = pid
        self._nursery = nursery
        self._code: int | None = None

    def poll(self) -> int | None:
        return self._look(0.0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(15)

    def kill(self) -> None:
        self.send_signal(9)

    def _look(self, timeout: float | None) -> int | None:
        if self._code is None:
            self._code = self._nursery.ended(self.pid, timeout)
        return self._code


@cache
def nursery() -> Nursery:
    """One for each process of pytest's; it leaves when that one does."""
    return Nursery()
