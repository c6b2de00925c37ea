"""What a check of `doctor` finds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from overnight.cli.exits import CliError


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """`remedy` says what to do about it; empty where there is nothing to do."""

    check: str
    verdict: Verdict
    detail: str
    remedy: str = ""


def ok(check: str, detail: str) -> Finding:
    return Finding(check, Verdict.OK, detail)


def warn(check: str, detail: str, remedy: str) -> Finding:
    return Finding(check, Verdict.WARN, detail, remedy)


def fail(check: str, detail: str, remedy: str) -> Finding:
    return Finding(check, Verdict.FAIL, detail, remedy)


def guarded(check: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What `look` finds; an error is a finding too, and the other checks go on."""
    try:
        yield from look()
    except CliError as error:
        problem, _, remedy = str(error).rpartition(": ")
        yield fail(check, problem, remedy)
    except Exception as error:
        told = " ".join(str(error).split())
        yield fail(check, f"{type(error).__name__}: {told}", "a defect of this check: report it")
