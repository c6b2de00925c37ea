"""The command line as users run it: real processes in a folder of their own, with nothing of ours set around them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.nursery import Streams, nursery
from tests.servers import temporary_folder

OVERNIGHT = [sys.executable, "-P", "-m", "overnight.cli.main"]
OURS = ("OVERNIGHT_", "ANTHROPIC_", "CELERY_", "FLOWER_")
PATIENCE = 240.0  # for what starts a whole stack; on a busy machine that takes a while


def until(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Waits for a condition and gives its value."""
    ends = time.monotonic() + patience
    while time.monotonic() < ends:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {patience:.0f} s: {what}")


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    def expect(self, code: int) -> "Said":
        assert self.code == code, f"exit code {self.code}, not {code}\n{self.out}\n{self.err}"
        return self


class Shell:
    """Runs `overnight` in a folder, whose `data` is the data directory."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(OURS)},
            "OVERNIGHT_DATA_DIR": str(self.data),
            **settings,
        }

    def with_settings(self, **settings: str) -> "Shell":
        return Shell(self.folder, **{**self.env, **settings})

    def run(self, *arguments: str, stdin: str | bytes = b"", timeout: float = PATIENCE) -> Said:
        """Without a terminal, and with nothing to read unless it is given; its libraries are loaded already."""
        with temporary_folder() as place:
            streams = Streams(place / "out", place / "err", place / "in")
            streams.given.write_bytes(_bytes(stdin))
            command = nursery().start("overnight.cli.main", arguments, self.env, self.folder, streams)
            try:
                return Said(command.wait(timeout), streams.out.read_text(), streams.err.read_text())
            finally:
                command.kill()

    def start(self, *arguments: str) -> "Started":
        return Started(self, arguments)


class Started:
    """A command that is under way; ended with the `with` block."""

    def __init__(self, shell: Shell, arguments: tuple[str, ...]) -> None:
        self._paths = [shell.folder / f"{arguments[0]}-{time.monotonic_ns()}.{name}" for name in ("out", "err")]
        with self._paths[0].open("wb") as out, self._paths[1].open("wb") as err:
            self.process = subprocess.Popen(
                [*OVERNIGHT, *arguments],
                cwd=shell.folder,
                env=shell.env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    @property
    def out(self) -> str:
        return self._paths[0].read_text()

    @property
    def err(self) -> str:
        return self._paths[1].read_text()

    def wait_until_it_says(self, text: str) -> None:
        def said() -> bool:
            assert self.process.poll() is None or text in self.out + self.err, f"it ended:\n{self.out}\n{self.err}"
            return text in self.out + self.err

        until(said, f"'{text}' from {self.process.args}")

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, timeout: float = PATIENCE) -> Said:
        return Said(self.process.wait(timeout), self.out, self.err)

    def __enter__(self) -> "Started":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
