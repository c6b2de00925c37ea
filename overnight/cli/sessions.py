"""`sessions list|show|messages|archive|delete`, and what `lives` adds."""

from typing import Annotated, Any

import typer

from overnight.cli import lives
from overnight.cli.options import AsJson, DataDir, Key, Url
from overnight.cli.output import for_stdout, local_time, money, note, write, write_fields, write_json, write_table

Json = dict[str, Any]
Session = Annotated[str, typer.Argument(metavar="SESSION", help="Its id.")]

sessions = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Find, show, pause, fork, archive and delete sessions."
)


def add_to(app: typer.Typer) -> None:
    lives.add_to(sessions)
    app.add_typer(sessions, name="sessions")


@sessions.command(name="list")
def list_sessions(
    archived: Annotated[bool, typer.Option("--archived", help="With those that have ended.")] = False,
    user: Annotated[str | None, typer.Option(help="Only this user's.", show_default=False)] = None,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", help="idle, running, waiting, pausing, paused or archived.", show_default=False),
    ] = None,
    title: Annotated[str | None, typer.Option(help="With this in their titles.", show_default=False)] = None,
    metadata: Annotated[
        list[str] | None, typer.Option("--metadata", metavar="NAME[=VALUE]", help="With this pair.", show_default=False)
    ] = None,
    context_key: Annotated[str | None, typer.Option(help="With this key.", show_default=False)] = None,
    forks_of: Annotated[str | None, typer.Option(help="Forked from this session.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="So many of the newest.")] = 20,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List sessions, the newest first."""
    from overnight.cli.client import connect

    with connect(url, key, data_dir) as client:
        found = client.sessions(
            **{"include_archived": archived or None, "user_id": user, "title": title, "limit": limit},
            **{"states[]": state, "metadata[]": metadata, "context_key": context_key, "forked_from": forks_of},
        )
    if as_json:
        return write_json({"data": found})
    rows = [
        (
            each["id"],
            each["state"],
            each["model"],
            money(each["cost_usd"]),
            local_time(each["last_active_at"]),
            each["title"],
        )
        for each in found
    ]
    columns = ("session", "state", "model", "cost", "last active", "title")
    return write_table(columns, rows, nothing="no sessions: begin one with 'overnight run' or 'overnight submit'")


@sessions.command()
def show(session: Session, url: Url = None, key: Key = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show a session."""
    from overnight.cli import phrases
    from overnight.cli.client import connect

    with connect(url, key, data_dir) as client:
        found = client.session(session)
    if as_json:
        return write_json(found)
    ended = f"{local_time(found['archived_at'])} ({found['archive_reason']})" if found["archived_at"] else None
    return write_fields(
        [
            ("session", found["id"]),
            ("state", _state(found)),
            ("title", found["title"]),
            ("notes", found["notes"]),
            ("model", found["model"]),
            ("context key", found["context_key"]),
            ("user", found["user_id"]),
            ("created", local_time(found["created_at"])),
            ("last active", local_time(found["last_active_at"])),
            ("duration", phrases.duration(found["duration_seconds"])),
            ("expires", local_time(found["expires_at"]) if found["expires_at"] else None),
            ("archiving since", local_time(found["archiving_since"]) if found["archiving_since"] else None),
            ("archived", ended),
            ("forked from", f"{found['forked_from']} at {found['forked_at']}" if found["forked_from"] else None),
            ("messages", str(found["message_count"])),
            ("usage", phrases.tokens(found["usage"])),
            ("cost", money(found["cost_usd"])),
            ("metadata", found["metadata"]),
            ("summary", found["summary"]),
        ]
    )


def _state(found: Json) -> str:
    return f"waiting: {found['wait_reason']}" if found["state"] == "waiting" else str(found["state"])


@sessions.command()
def messages(
    session: Session, url: Url = None, key: Key = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Print what was said in a session."""
    from overnight.cli.client import connect
    from overnight.cli.event_lines import text_of

    with connect(url, key, data_dir) as client:
        said = client.messages(session)
    if as_json:
        return write_json({"data": said})
    for message in said:
        write(for_stdout(f"{message['role']} · {local_time(message['created_at'])}\n{text_of(message['content'])}\n"))
    return None if said else note("nothing was said yet")


@sessions.command()
def archive(
    session: Session,
    summary: Annotated[bool, typer.Option("--summary", help="When Claude has summarised it.")] = False,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """End a session; what it has not finished is cancelled, and all of it can still be read."""
    from overnight.cli.client import connect

    with connect(url, key, data_dir) as client:
        archived = client.move(session, "archive", {"summary": True} if summary else {})
    done = "is archived" if archived["archived_at"] else "is archived once it is summarised"
    return write_json(archived) if as_json else note(f"{session} {done}")


@sessions.command()
def delete(
    session: Session, url: Url = None, key: Key = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Delete a session and all that was said in it."""
    from overnight.cli.client import connect

    with connect(url, key, data_dir) as client:
        deleted = client.delete(session)
    return write_json(deleted) if as_json else note(f"{session} is deleted")
