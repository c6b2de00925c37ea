"""`export` and `import`: a session or a user as one file."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from overnight.cli.exits import CliError
from overnight.cli.options import AsJson, DataDir, Key, Url
from overnight.cli.output import note, write_json

Json = dict[str, Any]
User = Annotated[str | None, typer.Option("--user", help="Of this user: all that there is.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    app.command(name="export")(export)
    app.command(name="import")(take_in)


def export(
    session: Annotated[str | None, typer.Argument(metavar="SESSION", help="Its id.", show_default=False)] = None,
    user: User = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Else standard output.", show_default=False)
    ] = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Write a session, or all of a user's data, to a file that another Overnight can read."""
    from overnight.cli.client import connect
    from overnight.cli.files import written

    if (session is None) is (user is None):
        raise CliError("give the id of a session, or --user")
    with connect(url, key, data_dir) as client, written(output) as file:
        size = client.export(session, user, file)
    if output is not None:
        note(f"{output}: {size:,} bytes")


def take_in(
    file: Annotated[str, typer.Argument(metavar="FILE", help="As 'overnight export' wrote it; - is stdin.")],
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a new session of a file, or take a user's data in: for the user that the file names, or --user."""
    from overnight.cli.client import connect
    from overnight.cli.documents import object_in

    said = object_in(file)
    name = user or _user_of(said)
    with connect(url, key, data_dir) as client:
        made = client.take_in(json.dumps(said).encode(), name)
    if as_json:
        return write_json(made)
    if name is None:
        return note(f"{made['id']} is imported: overnight run --session {made['id']} …")
    return note(f"user {made['id']}: {len(made['imported_sessions'])} sessions are imported")


def _user_of(said: Json) -> str | None:
    named = said.get("user")
    return str(named["id"]) if isinstance(named, dict) and "id" in named else None
