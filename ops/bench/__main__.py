"""`python -m ops.bench`, or `overnight bench`: measure, and print the table."""

import os
import sys
from functools import partial
from importlib import import_module
from signal import SIGHUP, SIGTERM

from ops.bench.conditions import read_arguments

INTERRUPTED = 130
WIDTH = 120  # of a table that goes into a file
#: What a shell or a test run may have set for itself, and must not reach what is measured.
NOT_PASSED_ON = ("OVERNIGHT_", "ANTHROPIC_", "CELERY_", "PYTHONDONTWRITEBYTECODE")


#: What else is measured than the workloads.
OTHERS = {f"--{name}": f"ops.bench.{name}" for name in ("governor", "context", "expiry", "long")}


def main() -> int:
    """Gives the exit code: 1 for a wrong answer."""
    other = OTHERS.get(sys.argv[1]) if len(sys.argv) > 1 else None
    measure = _workloads if other is None else partial(import_module(other).main, sys.argv[2:])
    from ops.bench.errors import BenchError
    from overnight.stack.errors import StackError
    from overnight.stack.signals import handling, leave

    _settle_environment()
    try:
        with handling(leave, SIGTERM, SIGHUP):
            return int(measure())
    except (BenchError, StackError) as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        return INTERRUPTED


def _workloads() -> int:
    conditions, json_path = read_arguments(sys.argv[1:])
    from rich.console import Console

    from ops.bench.report import save, show
    from ops.bench.runs import measure_all

    measured = measure_all(conditions)
    show(Console(width=None if sys.stdout.isatty() else WIDTH), measured, conditions)
    if json_path:
        save(json_path, measured, conditions)
    return int(any(run.violations for run in measured))


def _settle_environment() -> None:
    from overnight.stack.environment import LOOPBACK_HOSTS

    for name in [name for name in os.environ if name.startswith(NOT_PASSED_ON)]:
        del os.environ[name]
    os.environ.update(NO_PROXY=LOOPBACK_HOSTS, no_proxy=LOOPBACK_HOSTS)


if __name__ == "__main__":
    sys.exit(main())
