"""`run`: the main job in one command."""

from typing import Annotated, Any

import typer

from overnight.cli.options import Agent, AsJson, ContextKey, DataDir, Model, Prompt, PromptFile, SessionId, System


def add_to(app: typer.Typer) -> None:
    app.command()(run)


def run(
    prompt: Prompt = None,
    session: SessionId = None,
    context_key: ContextKey = None,
    agent: Agent = None,
    model: Model = None,
    system: System = None,
    file: PromptFile = None,
    no_stream: Annotated[bool, typer.Option("--no-stream", help="Print the answer when it is complete.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Have Claude do one task, now: starts what is missing, shows it live, prints the answer and its cost."""
    from overnight.cli.errand import Errand, Wish
    from overnight.cli.prompts import prompt_of

    wished: dict[str, Any] = {
        "prompt": prompt_of(prompt, file),
        "session_id": session,
        "context_key": context_key,
        "agent": agent,
        "model": model,
        "system": system,
    }
    task = {name: value for name, value in wished.items() if value is not None}
    raise typer.Exit(Errand(Wish(task, data_dir, as_json=as_json, stream=not no_stream)).run())
