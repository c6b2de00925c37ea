"""How a command ends: its exit code, and the one line that says why."""

from enum import IntEnum


class Code(IntEnum):
    DONE = 0
    FAILED = 1  # the task failed
    USAGE = 2  # wrong usage or bad input
    UNREACHABLE = 3  # the server does not answer, or the stack could not start
    CANCELLED = 4  # the task was cancelled
    UNFINISHED = 5  # the task still ran when the given time was over
    DEFECT = 70  # an error inside Overnight
    INTERRUPTED = 130  # Ctrl-C


#: Shown by `overnight --help`; `\b` keeps the lines as they are.
EXPLAINED = """\b
Exit codes:
    0  done
    1  the task failed
    2  wrong usage or bad input
    3  the server does not answer, or the stack could not start
    4  the task was cancelled
    5  the task still ran when the given time was over
   70  an error inside Overnight (OVERNIGHT_DEBUG=1 shows the traceback)
  130  Ctrl-C
"""

AFTER_STATUS = {"succeeded": Code.DONE, "failed": Code.FAILED, "cancelled": Code.CANCELLED}


class CliError(Exception):
    """What went wrong and the remedy, in one line."""

    def __init__(self, message: str, code: Code = Code.USAGE) -> None:
        self.code = code
        super().__init__(message)


class Unreachable(CliError):
    """The server does not answer."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Code.UNREACHABLE)


class NotFound(CliError):
    """The server knows nothing of this id."""


def code_of(status: str) -> Code:
    """The exit code after a wait for a task that ended with, or still is in, `status`."""
    return AFTER_STATUS.get(status, Code.UNFINISHED)
