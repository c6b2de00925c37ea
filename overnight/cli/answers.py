"""`approve`, `deny`, `answer`: what a task waits for, given by a person."""

from typing import Annotated, Any

import typer

from overnight.cli.exits import CliError
from overnight.cli.options import AsJson, DataDir, Key, TaskId, Url
from overnight.cli.output import note, write_json

Json = dict[str, Any]
CallId = Annotated[
    str | None,
    typer.Argument(metavar="[CALL]", help="Which of its calls; needed where there are several.", show_default=False),
]
AN_ID = "sevt_"


def add_to(app: typer.Typer) -> None:
    for command in (approve, deny, answer):
        app.command()(command)


def approve(
    task: TaskId,
    call: CallId = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Let a tool call run that a task waits to be allowed."""
    from overnight.cli.client import connect
    from overnight.cli.replies import confirm

    with connect(url, key, data_dir) as client:
        given = confirm(client, client.task(task), call, allow=True)
    return write_json(given) if as_json else note(f"{given['tool_use_id']} is allowed")


def deny(
    task: TaskId,
    call: CallId = None,
    message: Annotated[
        str | None, typer.Option("--message", "-m", help="Why: Claude is told.", show_default=False)
    ] = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Refuse a tool call; the task goes on without it."""
    from overnight.cli.client import connect
    from overnight.cli.replies import confirm

    with connect(url, key, data_dir) as client:
        given = confirm(client, client.task(task), call, allow=False, message=message)
    return write_json(given) if as_json else note(f"{given['tool_use_id']} is denied")


def answer(
    task: TaskId,
    said: Annotated[
        list[str],
        typer.Argument(metavar="[CALL] TEXT", help="The answer, after the call's id where there are several."),
    ],
    error: Annotated[bool, typer.Option("--error", help="The text says why there is no result.")] = False,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Answer a question, or a call of a tool that the client carries out."""
    from overnight.cli.client import connect
    from overnight.cli.replies import provide

    call, text = _call_and_text(said)
    with connect(url, key, data_dir) as client:
        given = provide(client, client.task(task), call, text, is_error=error)
    return write_json(given) if as_json else note(f"{given['custom_tool_use_id']} is answered")


def _call_and_text(said: list[str]) -> tuple[str | None, str]:
    match said:
        case [text] if not text.startswith(AN_ID):
            return None, text
        case [call, text] if call.startswith(AN_ID):
            return call, text
        case [_]:
            raise CliError("TEXT is missing: give the answer after the call's id")
        case _:
            raise CliError("give one TEXT, in quotes, or the id of the call (sevt_…) and then TEXT")
