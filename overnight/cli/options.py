"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Url = Annotated[
    str | None, typer.Option("--url", help="Address of the server (also OVERNIGHT_URL).", show_default=False)
]
Key = Annotated[
    str | None,
    typer.Option("--key", help="API key; better in OVERNIGHT_API_KEY, where nobody sees it.", show_default=False),
]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where the local data is (also OVERNIGHT_DATA_DIR).", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Prompt = Annotated[str | None, typer.Argument(help="What Claude is to do.", show_default=False)]
PromptFile = Annotated[
    str | None,
    typer.Option("--file", "-f", metavar="PATH", help="Read the prompt, or what follows it, from a file; - is stdin."),
]
TaskId = Annotated[str, typer.Argument(metavar="TASK", help="Its id.")]
SessionId = Annotated[str | None, typer.Option("--session", help="Go on with this session.", show_default=False)]
ContextKey = Annotated[
    str | None,
    typer.Option("--context-key", help="Go on with the open session of this key, or begin it.", show_default=False),
]
Agent = Annotated[
    str | None, typer.Option("--agent", metavar="ID", help="The agent of a new session.", show_default=False)
]
Model = Annotated[str | None, typer.Option("--model", help="Claude's model, for a new session.", show_default=False)]
System = Annotated[str | None, typer.Option("--system", help="System prompt, for a new session.", show_default=False)]
