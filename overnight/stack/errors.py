"""What keeps a stack from starting. Each says in one line what is wrong and what to do; `StartFailed` adds the log.

StackError
├─ NoRedis               no usable Redis server on this machine
├─ DirectoryUnusable     the data directory cannot be written
├─ AlreadyRunning        another stack owns the data directory
├─ PortTaken             something else listens on the port
└─ StartFailed           a child does not come up
"""

from collections.abc import Sequence


class StackError(Exception):
    """The stack cannot start."""


class NoRedis(StackError):
    """There is no usable Redis server."""


class DirectoryUnusable(StackError):
    """The data directory cannot be written."""


class AlreadyRunning(StackError):
    """Another stack owns the data directory."""

    def __init__(self, message: str, *, pid: int | None, base_url: str | None) -> None:
        self.pid = pid
        self.base_url = base_url
        super().__init__(message)


class PortTaken(StackError):
    """Something else listens on the port."""


class StartFailed(StackError):
    """A child does not come up; `log_lines` are the last it wrote."""

    def __init__(self, name: str, reason: str, log_lines: Sequence[str] = (), hint: str = "") -> None:
        self.name = name
        self.reason = reason
        self.log_lines = tuple(log_lines)
        headline = f"{name} did not start: {reason}" + (f" ({hint})" if hint else "")
        super().__init__("\n".join([headline, *(f"  {line}" for line in self.log_lines)]))
