"""`submit`, `status`, `cancel`, `retry`: tasks, on whichever server is set."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from overnight.cli.asks import Asks, Place
from overnight.cli.exits import CliError, Code, code_of
from overnight.cli.options import (
    Agent,
    AsJson,
    ContextKey,
    DataDir,
    Key,
    Model,
    Prompt,
    PromptFile,
    SessionId,
    System,
    TaskId,
    Url,
)
from overnight.cli.output import (
    local_time,
    money,
    note,
    write,
    write_fields,
    write_json,
    write_table,
)

Json = dict[str, Any]
MaxSteps = Annotated[
    int | None, typer.Option(min=1, help="The most requests to Claude that it makes.", show_default=False)
]
Deadline = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="It fails if it is not done by then (ISO 8601).", show_default=False),
]
Priority = Annotated[
    str | None,
    typer.Option(metavar="interactive|background", help="Who goes first near Claude's limits.", show_default=False),
]
Budget = Annotated[float | None, typer.Option(metavar="DOLLARS", help="The most that it may cost.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what it would take.")]
Wait = Annotated[
    float,
    typer.Option(metavar="SECONDS", min=0, help="Wait so long for its end ('inf': until then).", show_default=False),
]


def add_to(app: typer.Typer) -> None:
    for command in (submit, status, cancel, retry):
        app.command()(command)


def submit(
    prompt: Prompt = None,
    session: SessionId = None,
    context_key: ContextKey = None,
    agent: Agent = None,
    model: Model = None,
    system: System = None,
    file: PromptFile = None,
    title: Annotated[str | None, typer.Option(help="Title of a new session.", show_default=False)] = None,
    user: Annotated[str | None, typer.Option(help="For whom this is done.", show_default=False)] = None,
    not_before: Annotated[
        str | None, typer.Option(metavar="TIME", help="Start then at the earliest (ISO 8601).", show_default=False)
    ] = None,
    deadline: Deadline = None,
    max_steps: MaxSteps = None,
    priority: Priority = None,
    budget: Budget = None,
    dry_run: DryRun = False,
    metadata: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Kept with the task; may be repeated.")
    ] = None,
    wait: Wait = 0.0,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Hand a task over and print its id; with --wait, what became of it."""
    from overnight.cli.client import connect
    from overnight.cli.follow import wait_for
    from overnight.cli.prompts import moment_of, pairs_of, prompt_of

    wished = {
        "prompt": prompt_of(prompt, file),
        "session_id": session,
        "context_key": context_key,
        "agent": agent,
        "model": model,
        "system": system,
        "title": title,
        "user_id": user,
        "not_before": moment_of(not_before, "--not-before"),
        "deadline": moment_of(deadline, "--deadline"),
        "max_steps": max_steps,
        "priority": priority,
        "budget": None if budget is None else {"max_usd": budget},
        "metadata": pairs_of(metadata),
    }
    said = {name: value for name, value in wished.items() if value is not None}
    with connect(url, key, data_dir) as client:
        if dry_run:
            return _show_estimate(client.estimate(said), as_json=as_json)
        task = client.submit(said)
        if wait == 0:
            return write_json(task) if as_json else write(task["id"])
        note(f"{task['id']} in {task['session_id']}")
        place = Place(data_dir, url)
        return _end(wait_for(client, task["id"], wait, _teller(place)), place, as_json=as_json)


def status(
    task: Annotated[str | None, typer.Argument(metavar="[TASK]", help="Its id; without one: the latest tasks.")] = None,
    wait: Wait = 0.0,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show a task; with --wait the exit code says how it ended. Without an id: the latest tasks."""
    from overnight.cli.client import connect
    from overnight.cli.follow import wait_for

    if task is None and wait:
        raise CliError("--wait needs a task's id")
    place = Place(data_dir, url)
    with connect(url, key, data_dir) as client:
        if task is None:
            return _list(client.tasks(limit=20), as_json=as_json)
        if wait:
            return _end(wait_for(client, task, wait, _teller(place)), place, as_json=as_json)
        return _show(client.task(task), place, as_json=as_json)


def cancel(task: TaskId, url: Url = None, key: Key = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Cancel a task: a running one stops within a second or two."""
    from overnight.cli.client import connect

    with connect(url, key, data_dir) as client:
        cancelled = client.cancel(task)
    if as_json:
        return write_json(cancelled)
    return note(f"{task} is cancelled" if cancelled["status"] == "cancelled" else f"{task} is asked to stop")


def retry(
    task: TaskId,
    deadline: Deadline = None,
    max_steps: MaxSteps = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Run a failed task again, from where it had got; with higher limits, if these ended it."""
    from overnight.cli.client import connect
    from overnight.cli.prompts import moment_of

    raised = {"deadline": moment_of(deadline, "--deadline"), "max_steps": max_steps}
    with connect(url, key, data_dir) as client:
        retried = client.retry(task, {name: value for name, value in raised.items() if value is not None})
    return write_json(retried) if as_json else note(f"{task} is {retried['status']} again")


def _show_estimate(told: Json, *, as_json: bool) -> None:
    if as_json:
        return write_json(told)
    usual, as_usual = told["usual"], None
    if usual:
        tokens = f"{usual['input_tokens']:,} tokens in, {usual['output_tokens']:,} out"
        as_usual = f"{usual['requests']:.1f} requests, {tokens}, {money(usual['cost_usd'])} (of {usual['tasks']} tasks)"
    return write_fields(
        [
            ("session", told["session_id"] or "a new one"),
            ("model", told["model"]),
            ("ahead", told["queue_position"]),
            ("first request", f"~{told['input_tokens']:,} tokens in, ~{told['output_tokens']:,} out"),
            ("cost", f"~{money(told['cost_usd'])}"),
            ("tasks like it", as_usual),
        ]
    )


def _teller(place: Place) -> Callable[[Json], None]:
    """Says on stderr what the task that is waited for waits for itself."""
    asks = Asks(place)

    def tell(task: Json) -> None:
        for line in asks.new(task):
            note(line)

    return tell


def _end(task: Json, place: Place, *, as_json: bool) -> None:
    _show(task, place, as_json=as_json)
    if (code := code_of(task["status"])) is not Code.DONE:
        raise typer.Exit(code)


def _show(task: Json, place: Place, *, as_json: bool) -> None:
    from overnight.cli import phrases

    if as_json:
        write_json(task)
        return
    write_fields(
        [
            ("task", task["id"]),
            ("session", task["session_id"]),
            ("status", phrases.state(task)),
            ("progress", phrases.progress(task)),
            ("steps", f"{task['steps']} of {task['max_steps']}" if task["max_steps"] else task["steps"]),
            ("deadline", local_time(task["deadline"]) if task["deadline"] else None),
            ("created", local_time(task["created_at"])),
            ("finished", local_time(task["finished_at"]) if task["finished_at"] else None),
            ("usage", phrases.tokens(task["usage"])),
            ("cost", money(task["cost_usd"])),
            ("budget", phrases.budget(task)),
            ("error", phrases.failure(task) if task["error"] else None),
            ("output", task["output"]),
        ]
    )
    for line in Asks(place).new(task):
        write(line)


def _list(tasks: list[Json], *, as_json: bool) -> None:
    if as_json:
        return write_json({"data": tasks})
    rows = [(task["id"], _in_short(task), task["session_id"], local_time(task["created_at"])) for task in tasks]
    return write_table(("task", "status", "session", "created"), rows, nothing="no tasks yet")


def _in_short(task: Json) -> str:
    return ": ".join(filter(None, [task["status"], task["wait_reason"]]))
