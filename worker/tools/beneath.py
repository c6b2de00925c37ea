"""Files of a workspace, reached so that nothing outside it can be: not by `..`, not by a link, not by one swapped in.

The SDK checks a path and opens it afterwards; what becomes a link in between would be followed. Here each step is
opened from the one before and may not be a link.
"""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from anthropic.lib.tools import ToolError
from anthropic.lib.tools.agent_toolset import AgentToolContext, resolve_path

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe is not waited for


def parts_of(workspace: Path, asked: str) -> tuple[str, ...]:
    """Where a path that Claude gave leads, seen from the workspace. Raises `ToolError` if that is outside."""
    try:
        found = resolve_path(AgentToolContext(workdir=workspace), asked)
    except ValueError as error:
        raise ToolError(str(error)) from None
    return found.relative_to(workspace.resolve()).parts


@contextmanager
def folder(workspace: Path, parts: tuple[str, ...], *, make: bool = False) -> Iterator[int]:
    """A descriptor of a folder in the workspace; `make` makes those that are missing."""
    descriptor = os.open(workspace.resolve(), FOLDER)
    try:
        for part in parts:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=descriptor)
            deeper = os.open(part, FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def reading(workspace: Path, parts: tuple[str, ...]) -> Iterator[BinaryIO]:
    """A regular file of the workspace, open. Raises `OSError`, or `ToolError` for what is no file."""
    if not parts:
        raise ToolError("is a directory")
    with folder(workspace, parts[:-1]) as parent:
        descriptor = os.open(parts[-1], FILE, dir_fd=parent)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ToolError("not a regular file")
        yield file


def replace(workspace: Path, parts: tuple[str, ...], content: bytes) -> None:
    """Puts a file in place of whatever has its name, all at once; a link there is replaced, not followed."""
    if not parts:
        raise ToolError("is a directory")
    with folder(workspace, parts[:-1], make=True) as parent:
        beside = f".{secrets.token_hex(8)}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(beside, flags, _mode(parent, parts[-1]), dir_fd=parent), "wb") as file:
                file.write(content)
            os.replace(beside, parts[-1], src_dir_fd=parent, dst_dir_fd=parent)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(beside, dir_fd=parent)
            raise


def _mode(parent: int, name: str) -> int:
    """A program stays one when it is edited."""
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return 0o644
    return stat.S_IMODE(found) if stat.S_ISREG(found) else 0o644
