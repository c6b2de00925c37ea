"""Files that a person gives: text, and JSON objects."""

import json
import sys
from pathlib import Path
from typing import Any

from overnight.cli.exits import CliError


def text_in(file: str, option: str) -> str:
    """A file's text, or standard input's for `-`; `option` is what the user gave it with. Raises CliError."""
    if file == "-" and sys.stdin is None:
        raise CliError(f"{option} -: standard input is closed; give a file's path")
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return raw.decode("utf-8").removesuffix("\n")
    except OSError as error:
        raise CliError(f"{option} {file}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise CliError(f"{option} {file}: is not UTF-8 text; convert it first") from None


def object_in(file: str) -> dict[str, Any]:
    """The JSON object in a file. Raises CliError."""
    try:
        found = json.loads(text_in(file, "FILE"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise CliError(f"FILE {file}: is not JSON ({error})") from None
    if not isinstance(found, dict):
        raise CliError(f'FILE {file}: must hold a JSON object, like {{"name": …, "model": …}}')
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
