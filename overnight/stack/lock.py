"""One stack per data directory: a lock that the kernel frees when its holder dies, however it dies."""

import fcntl
import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from overnight.stack.errors import AlreadyRunning
from overnight.stack.private_files import unusable

FILE_NAME = "lock"
# `holder` takes the lock for an instant to see whether it is free; a start must not be refused because of it.
PATIENCE = 0.5


class StackLock:
    """Held from construction until `release`; Python marks the file close-on-exec, so children do not inherit it.

    Raises AlreadyRunning, which names the first stack's pid and address.
    """

    def __init__(self, data_dir: Path) -> None:
        self._file = _open(data_dir)
        deadline = time.monotonic() + PATIENCE
        while not _try(self._file, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                os.close(self._file)
                raise _refusal(data_dir)
            time.sleep(0.02)
        self.announce(None)

    def announce(self, base_url: str | None) -> None:
        """Leaves word for whoever finds the lock taken."""
        word = json.dumps({"pid": os.getpid(), "base_url": base_url}).encode()
        os.pwrite(self._file, word, 0)
        os.ftruncate(self._file, len(word))

    def release(self) -> None:
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()


def holder(data_dir: Path) -> int | None:
    """The pid of the stack that holds the directory's lock."""
    if not (data_dir / FILE_NAME).exists():
        return None
    file = _open(data_dir)
    try:
        return None if _try(file, fcntl.LOCK_SH) else _word(data_dir).get("pid")
    finally:
        os.close(file)


def _open(data_dir: Path) -> int:
    try:
        return os.open(data_dir / FILE_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise unusable(data_dir, error) from error


def _try(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _word(data_dir: Path) -> dict[str, Any]:
    try:
        word = json.loads((data_dir / FILE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return word if isinstance(word, dict) else {}


def _refusal(data_dir: Path) -> AlreadyRunning:
    word = _word(data_dir)
    pid, base_url = word.get("pid"), word.get("base_url")
    where = f"pid {pid}, {base_url or 'still starting'}"
    remedy = f"use it, stop it with 'kill {pid}', or set OVERNIGHT_DATA_DIR to another directory"
    return AlreadyRunning(f"Overnight already runs on {data_dir} ({where}): {remedy}", pid=pid, base_url=base_url)
