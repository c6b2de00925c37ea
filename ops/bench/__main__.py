"""`python -m ops.bench`, or `overnight bench`: measure, and print the table."""

import os
import sys
from signal import SIGHUP, SIGTERM

from ops.bench.conditions import read_arguments

INTERRUPTED = 130
WIDTH = 120  # of a table that goes into a file
#: What a shell or a test run may have set for itself, and must not reach what is measured.
NOT_PASSED_ON = ("OVERNIGHT_", "ANTHROPIC_", "CELERY_", "PYTHONDONTWRITEBYTECODE")


def main() -> int:
    """Gives the exit code: 1 for a wrong answer."""
    if sys.argv[1:2] == ["--governor"]:
        return _governor(sys.argv[2:])
    if sys.argv[1:2] == ["--context"]:
        from ops.bench.context import main as tell_costs

        return tell_costs(sys.argv[2:])
    if sys.argv[1:2] == ["--expiry"]:
        return _expiry(sys.argv[2:])
    if sys.argv[1:2] == ["--long"]:
        return _long(sys.argv[2:])
    conditions, json_path = read_arguments(sys.argv[1:])
    from rich.console import Console

    from ops.bench.errors import BenchError
    from ops.bench.report import save, show
    from ops.bench.runs import measure_all
    from overnight.stack.errors import StackError
    from overnight.stack.signals import handling, leave

    _settle_environment()
    try:
        with handling(leave, SIGTERM, SIGHUP):
            measured = measure_all(conditions)
    except (BenchError, StackError) as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        return INTERRUPTED
    show(Console(width=None if sys.stdout.isatty() else WIDTH), measured, conditions)
    if json_path:
        save(json_path, measured, conditions)
    return int(any(run.violations for run in measured))


def _governor(arguments: list[str]) -> int:
    from ops.bench.governor import main as measure_limits

    _settle_environment()
    return measure_limits(arguments)


def _expiry(arguments: list[str]) -> int:
    from ops.bench.expiry import main as measure_expiry

    _settle_environment()
    return measure_expiry(arguments)


def _long(arguments: list[str]) -> int:
    from ops.bench.long import main as measure_long_sessions

    _settle_environment()
    return measure_long_sessions(arguments)


def _settle_environment() -> None:
    from overnight.stack.environment import LOOPBACK_HOSTS

    for name in [name for name in os.environ if name.startswith(NOT_PASSED_ON)]:
        del os.environ[name]
    os.environ.update(NO_PROXY=LOOPBACK_HOSTS, no_proxy=LOOPBACK_HOSTS)


if __name__ == "__main__":
    sys.exit(main())
