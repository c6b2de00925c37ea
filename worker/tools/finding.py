"""`glob` and `grep`: in a process of their own, because a pattern of Claude's may run as long as it likes."""

import asyncio
import json
import os
import re
import stat
import sys
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from anthropic import beta_async_tool
from anthropic.lib.tools import ToolError
from anthropic.types.beta import (
    BetaManagedAgentsAgentToolset20260401GlobInput,
    BetaManagedAgentsAgentToolset20260401GrepInput,
)

from overnight.tools import Context, OnCrash, tool
from worker.tools import beneath, walk

NARROW = "narrow the pattern or the path"
PROGRAM = str(Path(walk.__file__).resolve())


@tool(on_crash=OnCrash.RETRY)
@beta_async_tool(name="glob", input_schema=BetaManagedAgentsAgentToolset20260401GlobInput)
async def glob(context: Context, pattern: str, path: str | None = None) -> str:
    """List the files of the workspace whose path matches a pattern such as **/*.py, the newest first."""
    wanted = PurePosixPath(pattern)
    if wanted.is_absolute() or ".." in wanted.parts or not wanted.parts:
        raise ToolError("glob: the pattern must be relative, without '..'; give a folder of the workspace as path")
    return await _walked("glob", context.workspace, path, str(wanted))


@tool(on_crash=OnCrash.RETRY)
@beta_async_tool(name="grep", input_schema=BetaManagedAgentsAgentToolset20260401GrepInput)
async def grep(context: Context, pattern: str, path: str | None = None) -> str:
    """Search the files of the workspace for a regular expression, line by line."""
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ToolError(f"grep: invalid regular expression: {error}") from None
    return await _walked("grep", context.workspace, path, pattern)


async def _walked(how: str, workspace: Path, path: str | None, pattern: str) -> str:
    parts = beneath.parts_of(workspace, path) if path else ()
    try:
        only = parts[-1] if parts and _is_file(workspace, parts) else None
        with beneath.folder(workspace, parts[:-1] if only else parts) as top:
            found = await _ask(top, {"how": how, "pattern": pattern, "only": only})
    except OSError as error:
        raise ToolError(f"{how}: {path}: {(error.strerror or 'i/o error').lower()}") from None
    return _seen_from(workspace, parts[:-1] if only else parts, found) or "no matches"


def _is_file(workspace: Path, parts: tuple[str, ...]) -> bool:
    with beneath.folder(workspace, parts[:-1]) as parent:
        return stat.S_ISREG(os.stat(parts[-1], dir_fd=parent, follow_symlinks=False).st_mode)


async def _ask(top: int, asked: dict[str, Any]) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", PROGRAM, str(top)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        pass_fds=[top],
        env={},
    )
    try:
        async with asyncio.timeout(walk.SECONDS):
            said, _ = await process.communicate(json.dumps(asked).encode())
    except TimeoutError:
        raise ToolError(
            f"{asked['how']}: took more than {walk.SECONDS} seconds; narrow the pattern or the path"
        ) from None
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    if process.returncode:
        raise ToolError(f"{asked['how']}: gave up, out of time or memory; {NARROW}")
    return str(json.loads(said))


def _seen_from(workspace: Path, parts: tuple[str, ...], found: str) -> str:
    """Each line's path from the workspace's top, as the other tools take it."""
    prefix = "".join(f"{part}/" for part in parts)
    note = "[more than "
    return "\n".join(line if line.startswith(note) else prefix + line for line in found.split("\n") if line)
