"""`users list|show|set|erase`: what is known of users, and all of their data away."""

from typing import Annotated, Any

import typer

from overnight.cli.exits import CliError
from overnight.cli.options import AsJson, DataDir, Key, Url
from overnight.cli.output import local_time, note, write_fields, write_json, write_table

Json = dict[str, Any]
User = Annotated[str, typer.Argument(metavar="USER", help="Your own id of the user.")]

users = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="What is known of users; erase one's data.")


def add_to(app: typer.Typer) -> None:
    app.add_typer(users, name="users")


@users.command(name="list")
def list_users(url: Url = None, key: Key = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the users of whom something was said."""
    from overnight.cli.client import connect

    with connect(url, key, data_dir) as client:
        found = client.users()
    if as_json:
        return write_json({"data": found})
    rows = [
        (each["id"], str(each["sessions"]), str(len(each["profile"])), local_time(each["last_active_at"]))
        for each in found
    ]
    return write_table(("user", "sessions", "facts", "last active"), rows, nothing="no users: 'overnight users set'")


@users.command()
def show(user: User, url: Url = None, key: Key = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show what is known of a user."""
    from overnight.cli.client import connect

    with connect(url, key, data_dir) as client:
        found = client.user(user)
    if as_json:
        return write_json(found)
    return write_fields(
        [
            ("user", found["id"]),
            ("profile", found["profile"]),
            ("sessions", f"{found['sessions']}, {found['open_sessions']} of them open"),
            ("last active", local_time(found["last_active_at"])),
        ]
    )


@users.command(name="set")
def set_facts(
    user: User,
    facts: Annotated[list[str], typer.Argument(metavar="NAME=VALUE …", help="An empty value takes a fact away.")],
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Say something of a user, for the system prompt of the sessions that begin from now on."""
    from overnight.cli.client import connect

    with connect(url, key, data_dir) as client:
        changed = client.change_user(user, dict(map(_fact, facts)))
    return write_json(changed) if as_json else note(f"{user}: {len(changed['profile'])} facts")


@users.command()
def erase(
    user: User,
    yes: Annotated[bool, typer.Option("--yes", help="Without being asked.")] = False,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Erase all of a user's data: sessions, transcripts, profile, budgets. It cannot be undone."""
    from overnight.cli.client import connect

    if not yes:
        typer.confirm(f"Erase all data of user {user}?", abort=True, err=True)
    with connect(url, key, data_dir) as client:
        stone = client.erase_user(user)
    return write_json(stone) if as_json else note(f"{user}: hidden at once, and removed by the sweep ({stone['id']})")


def _fact(said: str) -> tuple[str, str | None]:
    name, equals, value = said.partition("=")
    if not equals or not name:
        raise CliError(f"'{said}' is no fact: give NAME=VALUE")
    return name, value or None
