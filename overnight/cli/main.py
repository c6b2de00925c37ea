"""The command `overnight`: which commands there are, and the one place where errors become a line and an exit code."""

import os
import sys
from io import TextIOWrapper
from typing import Annotated, TextIO

import typer

from overnight import __version__
from overnight.cli import (
    agents,
    answers,
    bench_and_sim,
    budgets,
    doctor,
    keys,
    migrate,
    portable,
    processes,
    run,
    sessions,
    tasks,
    tools,
    up,
    usage,
    users,
    watch,
)
from overnight.cli.exits import EXPLAINED, CliError, Code
from overnight.cli.output import note, write

# Plain help: typer's rich one takes four times as long to come up.
app = typer.Typer(name="overnight", rich_markup_mode=None, add_completion=False, no_args_is_help=True)


def show_version(wanted: bool) -> None:
    if wanted:
        write(f"overnight {__version__}")
        raise typer.Exit


@app.callback(help=f"Claude agents that work for hours or days on your own Celery, Redis and SQL.\n\n{EXPLAINED}")
def overnight(
    version: Annotated[bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show it.")] = False,
) -> None:
    """What holds for every command."""


MODULES = (
    run,
    up,
    tasks,
    answers,
    watch,
    sessions,
    portable,
    users,
    usage,
    budgets,
    agents,
    tools,
    keys,
    processes,
    migrate,
    doctor,
    bench_and_sim,
)
for module in MODULES:
    module.add_to(app)


def main() -> None:
    """Runs the command line and exits with its code."""
    for stream in (sys.stdout, sys.stderr):
        _never_refuse(stream)
    code: object
    try:
        code = _run()
        if sys.stdout:
            sys.stdout.flush()
    except BrokenPipeError:
        code = _forget_stdout()
    except SystemExit as left:
        # What Typer makes of a broken pipe would read as "the task failed".
        code = _forget_stdout() if type(sys.stdout).__name__ == "PacifyFlushWrapper" else left.code
    sys.exit(code)


def _run() -> int:
    try:
        return int(typer.main.get_command(app).main(prog_name="overnight", standalone_mode=False) or Code.DONE)
    except (KeyboardInterrupt, typer.Abort):
        return Code.INTERRUPTED
    except (CliError, typer.TyperException) as error:
        return _refuse(error)
    except BrokenPipeError:
        raise
    except Exception as error:
        return _confess(error)


def _refuse(error: CliError | typer.TyperException) -> int:
    if _is_debugging():
        raise error
    if isinstance(error, CliError):
        note(f"overnight: {error}")
        return error.code
    note(_usage(error))
    return Code.USAGE


def _usage(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        return error.format_message()
    where = context.command_path if context else "overnight"
    return f"overnight: {error.format_message()} (see '{where} --help')"


def _confess(error: Exception) -> int:
    if _is_debugging():
        raise error
    line = " ".join(str(error).split())
    note(f"overnight: unexpected {type(error).__name__}: {line} (OVERNIGHT_DEBUG=1 shows the traceback)")
    return Code.DEFECT


def _is_debugging() -> bool:
    return os.environ.get("OVERNIGHT_DEBUG", "") not in {"", "0"}


def _never_refuse(stream: TextIO | None) -> None:
    """A character that the terminal's encoding lacks must not end a command."""
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="replace")


def _forget_stdout() -> int:
    """`overnight … | head`: the reader has what it wanted; the rest goes nowhere, also at interpreter exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Code.DONE


if __name__ == "__main__":
    main()
