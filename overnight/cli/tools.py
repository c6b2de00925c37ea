"""`tools`: which of a team's tools the workers here would serve, and what is wrong with the others."""

from typing import TYPE_CHECKING, Any

import typer

from overnight.cli.exits import CliError
from overnight.cli.options import AsJson
from overnight.cli.output import note, write_json, write_table

if TYPE_CHECKING:
    from overnight.tools.declaration import Tool
    from overnight.tools.registry import Registry

NOTHING = "no tools: put @tool above a function and name its module in OVERNIGHT_TOOLS (docs/tools.md)"


def add_to(app: typer.Typer) -> None:
    app.command(name="tools")(list_tools)


def list_tools(as_json: AsJson = False) -> None:
    """List and check the tools of OVERNIGHT_TOOLS and of installed packages; exit code 2 if anything is wrong."""
    from overnight.cli.local import read_settings
    from overnight.tools.registry import examine

    settings = read_settings()
    registry = examine(settings.tools)
    rows = [_shown(tool, settings.tool_timeout) for tool in registry.tools.values()]
    if as_json:
        write_json({"tools": rows, "problems": list(registry.problems)})
    elif rows or not registry.problems:
        _write(rows)
    _complain(registry)


def _shown(tool: "Tool", default_timeout: float) -> dict[str, Any]:
    return {
        "name": tool.name,
        "from": tool.origin,
        "on_crash": tool.on_crash.value,
        "timeout": tool.timeout or default_timeout,
        "permission": str(tool.permission) if isinstance(tool.permission, str) else "rule",
        "description": tool.definition.get("description", ""),
    }


def _write(rows: list[dict[str, Any]]) -> None:
    columns = ("name", "from", "on_crash", "timeout", "permission")
    cells = [[f"{row[column]:g} s" if column == "timeout" else row[column] for column in columns] for row in rows]
    write_table(columns, cells, nothing=NOTHING)


def _complain(registry: "Registry") -> None:
    for problem in registry.problems[:-1]:
        note(f"overnight: {problem}")
    if registry.problems:
        raise CliError(registry.problems[-1])
