"""`bench` and `sim`: programs of their own, started in this process's place with their arguments untouched."""

import os
import sys

import typer

#: Their `--help` is theirs.
UNTOUCHED = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def add_to(app: typer.Typer) -> None:
    for command in (sim, bench):
        app.command(context_settings=UNTOUCHED)(command)


def sim(context: typer.Context) -> None:
    """Run the stand-in for Claude (see 'overnight sim --help')."""
    _become("ops.simulator", context.args)


def bench(context: typer.Context) -> None:
    """Measure this machine (see 'overnight bench --help')."""
    _become("ops.bench", context.args)


def _become(module: str, arguments: list[str]) -> None:
    sys.stdout.flush()
    # -P: what happens to lie in the current directory must not be taken for ours.
    os.execv(sys.executable, [sys.executable, "-P", "-m", module, *arguments])  # noqa: S606
