"""A command on a terminal of its own, with somebody who reads it and types."""

import os
import pty
import re
import select
import sys
import time
from typing import Self

from tests.cli.support import OVERNIGHT, PATIENCE, Shell

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Keyboard:
    def __init__(self, shell: Shell, *arguments: str) -> None:
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.chdir(shell.folder)
            os.execve(sys.executable, [*OVERNIGHT, *arguments], {**shell.env, "TERM": "xterm-256color"})
        self._shown = b""
        self._code: int | None = None

    @property
    def shown(self) -> str:
        """Without what moves the cursor and colours."""
        return CONTROL.sub("", self._shown.decode(errors="replace"))

    def wait_until_it_says(self, text: str, times: int = 1) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.shown.count(text) < times:
            goes_on = self._read() and time.monotonic() < deadline
            assert goes_on or self.shown.count(text) >= times, f"'{text}' is not in:\n{self.shown}"

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def end(self) -> int:
        """Everything it writes until it ends, and its exit code."""
        while self._read():
            pass
        self._code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._terminal)  # hangs up
        if self._code is None:
            os.waitpid(self._pid, 0)

    def _read(self) -> bool:
        """Takes in what there is; False when the other side has gone."""
        if not select.select([self._terminal], [], [], 0.5)[0]:
            return True
        try:
            some = os.read(self._terminal, 65_536)
        except OSError:
            return False  # how Linux says it
        self._shown += some
        return bool(some)
