"""`sessions pause|resume|extend|fork|update|snapshot|snapshots|restore|compare`: a session as a whole."""

from typing import Annotated, Any

import typer

from overnight.cli.options import AsJson, DataDir, Key, Url
from overnight.cli.output import local_time, money, note, write, write_json, write_table

Json = dict[str, Any]
Session = Annotated[str, typer.Argument(metavar="SESSION", help="Its id.")]
SnapshotId = Annotated[str, typer.Argument(metavar="SNAPSHOT", help="Its id, or its name.")]
Title = Annotated[str | None, typer.Option(help="Its title.", show_default=False)]


def add_to(sessions: typer.Typer) -> None:
    for command in (pause, resume, extend, fork, update, snapshot, snapshots, restore, compare):
        sessions.command()(command)


def pause(
    session: Session, url: Url = None, key: Key = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Let nothing begin in a session until it is resumed; its tasks are kept."""
    from overnight.cli.client import connect

    with connect(url, key, data_dir) as client:
        paused = client.move(session, "pause")
    return write_json(paused) if as_json else note(f"{session} is {paused['state']}")


def resume(
    session: Session,
    origin: Annotated[
        str | None,
        typer.Option("--from", metavar="summary|full", help="Of an archived one: with what.", show_default=False),
    ] = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Let a paused session go on, or an archived one."""
    from overnight.cli.client import connect

    with connect(url, key, data_dir) as client:
        resumed = client.move(session, "resume", {} if origin is None else {"from": origin})
    return write_json(resumed) if as_json else note(f"{session} is {resumed['state']}")


def extend(
    session: Session,
    seconds: Annotated[
        float | None, typer.Option(help="No limit ends it before so long from now.", show_default=False)
    ] = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Put a session's end off, as if it had been used now."""
    from overnight.cli.client import connect

    with connect(url, key, data_dir) as client:
        extended = client.move(session, "extend", {} if seconds is None else {"seconds": seconds})
    if as_json:
        return write_json(extended)
    ends = extended["expires_at"]
    return note(f"{session} expires at {local_time(ends)}" if ends else f"{session} does not expire")


def fork(
    session: Session,
    at: Annotated[
        str | None, typer.Option(help="A message's number, or an event's id. Left out: all of it.", show_default=False)
    ] = None,
    title: Title = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Begin a new session with what was said in this one; prints its id."""
    from overnight.cli.client import connect

    wish: Json = {} if at is None else {"at": int(at) if at.isdecimal() else at}
    with connect(url, key, data_dir) as client:
        made = client.fork(session, wish | _given(title=title))
    return write_json(made) if as_json else _tell(made)


def update(
    session: Session,
    title: Title = None,
    notes: Annotated[str | None, typer.Option(help="Notes.", show_default=False)] = None,
    user: Annotated[str | None, typer.Option(help="Whose it is.", show_default=False)] = None,
    context_key: Annotated[str | None, typer.Option(help="Its context key.", show_default=False)] = None,
    metadata: Annotated[
        list[str] | None, typer.Option("--metadata", metavar="NAME=VALUE", help="A pair; NAME= takes it away.")
    ] = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Change what is known of a session; an empty text clears."""
    from overnight.cli.client import connect

    texts = _given(title=title, notes=notes, user_id=user, context_key=context_key)
    changes: Json = {name: text or None for name, text in texts.items()}
    if metadata:
        pairs = (pair.partition("=") for pair in metadata)
        changes["metadata"] = {name: value or None for name, _, value in pairs}
    with connect(url, key, data_dir) as client:
        changed = client.update_session(session, changes)
    return write_json(changed) if as_json else note(f"{session} is changed")


def snapshot(
    session: Session,
    name: Annotated[str, typer.Argument(help="A name that the session has no other snapshot of.")],
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Remember where a session stands; prints the snapshot's id."""
    from overnight.cli.client import connect

    with connect(url, key, data_dir) as client:
        taken = client.take_snapshot(session, name)
    return write_json(taken) if as_json else write(taken["id"])


def snapshots(
    session: Session, url: Url = None, key: Key = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """List a session's snapshots, the newest first."""
    from overnight.cli.client import connect

    with connect(url, key, data_dir) as client:
        found = client.snapshots(session)
    if as_json:
        return write_json({"data": found})
    rows = [(each["id"], each["name"], str(each["at"]), local_time(each["created_at"])) for each in found]
    return write_table(("snapshot", "name", "messages", "taken"), rows, nothing="no snapshots")


def restore(
    session: Session,
    snapshot_id: SnapshotId,
    title: Title = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Begin a new session where a snapshot was taken; prints its id."""
    from overnight.cli.client import connect

    with connect(url, key, data_dir) as client:
        made = client.restore(session, snapshot_id, _given(title=title))
    return write_json(made) if as_json else _tell(made)


def compare(
    session: Session,
    snapshot_id: SnapshotId,
    other: Annotated[
        str | None, typer.Argument(metavar="OTHER", help="A snapshot or a session; left out: its own session as it is.")
    ] = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what was said and spent on either side since the two were the same."""
    from overnight.cli import phrases
    from overnight.cli.client import connect

    with connect(url, key, data_dir) as client:
        found = client.compare(session, snapshot_id, other)
    if as_json:
        return write_json(found)
    sides = [found["snapshot"], found["other"]]
    rows = [
        (
            side["session_id"],
            str(side["at"]),
            str(side["messages"]),
            phrases.tokens(side["usage"]),
            money(side["cost_usd"]),
        )
        for side in sides
    ]
    common = found["common"]
    note(f"the same up to message {common['at']}" if common else "they have nothing in common")
    return write_table(("session", "messages", "since then", "tokens since", "cost since"), rows, nothing="")


def _tell(made: Json) -> None:
    write(made["id"])
    note(f"forked from {made['forked_from']} at message {made['forked_at']}")


def _given(**texts: str | None) -> Json:
    return {name: text for name, text in texts.items() if text is not None}
