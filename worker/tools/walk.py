"""Walks a workspace and searches it; also run by itself, as a process that can be killed: `python walk.py`.

Its standard library alone is imported, so that such a process starts in a few milliseconds.
"""

import json
import os
import re
import resource
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from io import BufferedReader

MOST_FILES = 50_000
MOST_MATCHES = 200
MOST_BYTES = 100 * 1024
LONGEST_LINE = 2_000
SKIPPED = {".git", "node_modules"}
SECONDS = 30
MEMORY = 1 << 30


def files(top: int) -> Iterator[tuple[tuple[str, ...], int, str]]:
    """Regular files below a folder's descriptor: path from there, descriptor of its folder, name. Follows no link."""
    seen = 0
    for path, folders, names, descriptor in os.fwalk(".", dir_fd=top, follow_symlinks=False):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        here = tuple(part for part in path.split("/") if part != ".")
        for name in sorted(names):
            seen += 1
            if seen > MOST_FILES:
                return
            yield (*here, name), descriptor, name


def matches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Whether a path matches a pattern, part by part; `**` stands for any number of folders."""
    reached = {0}
    for part in parts:
        reached = _closed(reached, pattern)
        reached = {
            at if pattern[at] == "**" else at + 1
            for at in reached
            if at < len(pattern) and (pattern[at] == "**" or fnmatchcase(part, pattern[at]))
        }
    return len(pattern) in _closed(reached, pattern)


def _closed(reached: set[int], pattern: tuple[str, ...]) -> set[int]:
    """`**` may stand for nothing."""
    closed = set(reached)
    for at, part in enumerate(pattern):
        if at in closed and part == "**":
            closed.add(at + 1)
    return closed


def newest(top: int, pattern: tuple[str, ...]) -> list[str]:
    """Paths that match, the newest first."""
    found = []
    for parts, folder, name in files(top):
        if matches(parts, pattern):
            try:
                changed = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except OSError:
                continue
            if not stat.S_ISLNK(changed.st_mode):
                found.append((-changed.st_mtime, "/".join(parts)))
    return [path for _, path in sorted(found)[:MOST_MATCHES]]


def lines(top: int, expression: re.Pattern[str], only: str | None) -> Iterator[str]:
    """`path:number:line` of every line that matches; `only` searches that one file of the folder."""
    chosen = [((only,), top, only)] if only else files(top)
    for parts, folder, name in chosen:
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        except OSError:
            continue
        with os.fdopen(descriptor, "rb") as file:
            if stat.S_ISREG(os.fstat(descriptor).st_mode) and b"\0" not in file.peek(512)[:512]:
                yield from _lines_of("/".join(parts), file, expression)


def _lines_of(path: str, file: BufferedReader, expression: re.Pattern[str]) -> Iterator[str]:
    number, is_start = 1, True
    while piece := file.readline(LONGEST_LINE):
        is_whole = piece.endswith(b"\n") or len(piece) < LONGEST_LINE
        text = piece.decode(errors="replace").rstrip("\r\n")
        if is_start and is_whole and expression.search(text):
            yield f"{path}:{number}:{text}"
        is_start = piece.endswith(b"\n")
        number += is_start


def search(top: int, pattern: str, only: str | None) -> str:
    said, size = [], 0
    for line in lines(top, re.compile(pattern), only):
        size += len(line.encode()) + 1
        if size > MOST_BYTES:
            said.append(f"[more than {MOST_BYTES} bytes: narrow the pattern or the path]")
            break
        said.append(line)
    return "\n".join(said)


def main() -> None:
    """Reads `{how, pattern, only}` from standard input; the folder is the descriptor named on the command line."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    with suppress(ValueError, OSError):  # macOS knows no such limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    top, asked = int(sys.argv[1]), json.load(sys.stdin)
    if asked["how"] == "glob":
        answer = "\n".join(newest(top, tuple(asked["pattern"].split("/"))))
    else:
        answer = search(top, asked["pattern"], asked["only"])
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
