"""Command lines as the CLI reads them, without running them."""

from typing import Any

import typer

from overnight.cli.main import app


def options_of(arguments: list[str]) -> dict[str, Any]:
    """The command's options and arguments; raises what the CLI would complain about (`typer.TyperException`)."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("overnight", list(arguments))
    while hasattr(command, "resolve_command") and (left := [*context._protected_args, *context.args]):
        name, command, rest = command.resolve_command(context, left)
        context = command.make_context(name, rest, parent=context)
    options: dict[str, Any] = context.params
    return options
