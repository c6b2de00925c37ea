"""What a task is submitted with: its prompt from an argument, a file or standard input; its metadata and its time."""

from datetime import datetime

from overnight.cli.documents import text_in
from overnight.cli.exits import CliError


def prompt_of(argument: str | None, file: str | None) -> str:
    """Raises CliError when there is nothing to ask."""
    parts = [part for part in (argument, text_in(file, "--file") if file is not None else None) if part is not None]
    prompt = "\n\n".join(parts)
    if not prompt.strip():
        raise CliError("the prompt is empty: say what Claude is to do, or give --file PATH (- for standard input)")
    return prompt


def pairs_of(pairs: list[str] | None) -> dict[str, str] | None:
    """`name=value` as given to --metadata. Raises CliError."""
    if not pairs:
        return None
    if wrong := next((pair for pair in pairs if not pair.partition("=")[0] or "=" not in pair), None):
        raise CliError(f"--metadata: '{wrong}' is no pair; give NAME=VALUE")
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def moment_of(text: str | None, option: str) -> str | None:
    """A time as the server wants it; without a zone it is this machine's. Raises CliError."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except ValueError:
        raise CliError(f"{option}: '{text}' is no time; give one like 2026-12-24T08:00") from None
