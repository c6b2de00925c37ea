"""`watch`: the events of a task until it has ended, or of a session for as long as it lasts."""

from typing import TYPE_CHECKING, Annotated

import typer

from overnight.cli.asks import Place
from overnight.cli.exits import CliError, Code, code_of
from overnight.cli.options import AsJson, DataDir, Key, Url
from overnight.cli.output import note, write_json_line

if TYPE_CHECKING:
    from overnight.cli.client import Client
    from overnight.cli.event_lines import EventLines, Json

FROM_THE_START = "0"
SESSION_ENDS = {"session.deleted", "session.status_terminated"}
TASK_ENDS = {"task.succeeded", "task.failed", "task.cancelled", "session.archived"} | SESSION_ENDS


def add_to(app: typer.Typer) -> None:
    app.command()(watch)


def watch(
    subject: Annotated[str, typer.Argument(metavar="TASK|SESSION", help="An id.")],
    everything: Annotated[bool, typer.Option("--all", help="From the session's first event, not from now.")] = False,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show events as they happen; with --json one JSON document a line, the last one of a task being the task."""
    from overnight.cli.client import connect
    from overnight.cli.event_lines import EventLines

    last_event_id = FROM_THE_START if everything else None
    with connect(url, key, data_dir) as client, EventLines(Place(data_dir, url), as_json=as_json) as lines:
        if subject.startswith("task_"):
            code = _watch_task(client, subject, lines, last_event_id)
        elif subject.startswith("sesn_"):
            code = _watch_session(client, subject, lines, last_event_id)
        else:
            raise CliError(f"'{subject}' is neither a task (task_…) nor a session (sesn_…)")
    raise typer.Exit(code)


def _watch_task(client: "Client", task_id: str, lines: "EventLines", last_event_id: str | None) -> Code:
    from overnight.cli import phrases
    from overnight.cli.output import money

    lines.only_of(task_id)
    task = _until_it_ends(client, client.task(task_id), lines, last_event_id)
    if lines.as_json:
        write_json_line(task)
    else:
        note(f"{task['status']} · {phrases.tokens(task['usage'])} · {money(task['cost_usd'])}")
    return code_of(task["status"])


def _until_it_ends(client: "Client", task: "Json", lines: "EventLines", last_event_id: str | None) -> "Json":
    """To its last event, which may come a moment after its end; one that was retried ends more than once."""
    from overnight.cli.event_lines import is_about, requires_an_answer
    from overnight.cli.follow import Patience, is_final
    from overnight.cli.stream import Frame, events

    replays, patience = last_event_id is not None, Patience()
    for happening in events(client, task["session_id"], last_event_id):
        if isinstance(happening, Frame):
            lines.show_event(happening.data)
            if not is_about(happening.data, task["id"]):
                continue
            has_ended = happening.type in TASK_ENDS
            if not has_ended and not requires_an_answer(happening.data):
                continue
        else:
            has_ended = not replays
        task = patience.look(client, task["id"], lines) or task
        if is_final(task) and has_ended:
            break
    return task


def _watch_session(client: "Client", session_id: str, lines: "EventLines", last_event_id: str | None) -> Code:
    from overnight.cli.event_lines import requires_an_answer
    from overnight.cli.follow import Patience
    from overnight.cli.stream import Frame, events

    if client.session(session_id)["status"] == "terminated" and last_event_id is None:
        note(f"{session_id} has ended; --all shows its events")
        return Code.DONE
    for happening in events(client, session_id, last_event_id):
        if isinstance(happening, Frame):
            lines.show_event(happening.data)
            if requires_an_answer(happening.data):
                Patience().look(client, happening.data["task_id"], lines)
            if happening.type in SESSION_ENDS:
                break
        elif happening.error:
            lines.show_trouble(happening.error)
    return Code.DONE
