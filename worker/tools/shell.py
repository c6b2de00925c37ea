"""`bash`: one shell a session and slice, in a process group of its own that goes with it, and without our secrets."""

import asyncio
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import anyio
from anthropic import beta_async_tool
from anthropic.lib.tools import ToolError
from anthropic.lib.tools.agent_toolset import BASH_DEFAULT_TIMEOUT, BashSession
from anthropic.types.beta import BetaManagedAgentsAgentToolset20260401BashInput

from overnight.tools import Context, Tool, tool

#: All that a command learns of the worker's environment: keys and addresses of databases stay out.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")

ENDED = -1  # what the SDK says instead of an exit code when the shell itself has gone
GONE = "the shell has ended; the next command starts another"


class GroupSession(BashSession):
    """The SDK's shell; closing it also ends what it has started, which the SDK leaves running."""

    @classmethod
    async def begin(cls, workspace: Path) -> "GroupSession":
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        process = await anyio.open_process(
            ["/bin/bash", "--noprofile", "--norc"],
            cwd=workspace,
            env={**passed, "HOME": str(workspace), "PS1": "", "PS2": "", "TERM": "dumb"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return cls(process)

    async def close(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._proc.pid, signal.SIGKILL)
        await super().close()


class Shell:
    """Started by the first command; `close` on the loop where its commands ran."""

    def __init__(self) -> None:
        self._session: GroupSession | None = None
        self._one_at_a_time = asyncio.Lock()
        self.tool = self._declared()

    async def run(self, workspace: Path, command: str, seconds: float) -> str:
        async with self._one_at_a_time:
            if self._session is None or self._session.closed:
                await self.close()
                self._session = await GroupSession.begin(workspace)
            try:
                said, code = await self._session.exec(command, seconds)
            except TimeoutError as error:
                raise ToolError(f"bash: {error}; the shell was restarted") from None
            except (RuntimeError, anyio.BrokenResourceError, anyio.ClosedResourceError):
                said, code = "", ENDED
            if code == ENDED:
                await self.close()
        if code != 0:
            raise ToolError(f"{said}\n[{GONE if code == ENDED else f'exit code {code}'}]".lstrip("\n"))
        return said

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _declared(self) -> Tool:
        @tool
        @beta_async_tool(name="bash", input_schema=BetaManagedAgentsAgentToolset20260401BashInput)
        async def bash(
            context: Context, command: str | None = None, restart: bool | None = None, timeout_ms: int | None = None
        ) -> str:
            """Run a command in a shell that stays open, in the workspace; restart begins a new one."""
            if restart:
                await self.close()
            if command and command.strip():
                seconds = timeout_ms / 1000 if timeout_ms and timeout_ms > 0 else BASH_DEFAULT_TIMEOUT
                return await self.run(context.workspace, command, seconds)
            if restart:
                return "the shell was restarted"
            raise ToolError("bash: command is required")

        return bash
