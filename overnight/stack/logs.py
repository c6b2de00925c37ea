"""What children print: kept in one file each, shown when one does not start, echoed on request."""

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, BinaryIO, Self, TextIO

LARGEST = 10 * 1024 * 1024
ECHO_EVERY = 0.1


def open_log(path: Path) -> BinaryIO:
    """Opens it for appending (mode 0600); one that grew beyond 10 MB is put aside first, as `name.log.1`."""
    if path.exists() and path.stat().st_size > LARGEST:
        path.replace(path.with_name(f"{path.name}.1"))
    return open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab", buffering=0)


def last_lines(path: Path, since: int, count: int = 15) -> list[str]:
    """The last lines that were written after position `since`."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(since, end - 16_384))
        return file.read().decode(errors="replace").splitlines()[-count:]


class Echo:
    """Copies what is appended to the logs from now on to a stream, each line behind its child's name."""

    def __init__(self, stream: TextIO, logs: Mapping[str, Path]) -> None:
        self._stream = stream
        self._tails = [_Tail(name, path) for name, path in logs.items()]
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="echo", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._done.set()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        while not self._done.wait(ECHO_EVERY):
            self._copy()
        self._copy()

    def _copy(self) -> None:
        for tail in self._tails:
            for line in tail.new_lines():
                print(f"{tail.name:>9} | {line}", file=self._stream, flush=True)


class _Tail:
    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = path
        self._file: IO[bytes] | None = None
        self._rest = b""
        if path.exists():
            self._file = path.open("rb")
            self._file.seek(0, os.SEEK_END)

    def new_lines(self) -> list[str]:
        *lines, self._rest = (self._rest + self._read()).split(b"\n")
        return [line.decode(errors="replace") for line in lines]

    def _read(self) -> bytes:
        grown = self._file.read() if self._file else b""
        if not grown and self._was_replaced():
            self._file = self._path.open("rb")
            grown = self._file.read()
        return grown

    def _was_replaced(self) -> bool:
        if not self._path.exists():
            return False
        return self._file is None or os.fstat(self._file.fileno()).st_ino != self._path.stat().st_ino
