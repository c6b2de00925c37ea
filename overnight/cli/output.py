"""What commands print: answers and JSON on stdout, everything said beside them on stderr, tables for people."""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TextIO

import typer

#: Control characters (except newline and tab) that would let a text steer the reader's terminal.
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")

Row = Sequence[object]


def write(text: str) -> None:
    typer.echo(text)


def note(text: str) -> None:
    """On stderr, so that stdout holds nothing but the answer."""
    typer.echo(text, err=True)


def warn(text: str) -> None:
    """A note that is not to be missed."""
    typer.secho(text, err=True, fg="yellow", bold=True)


def write_json(document: Any) -> None:
    """One JSON document and nothing else."""
    write(json.dumps(document, indent=2, ensure_ascii=False))


def write_json_line(document: Any) -> None:
    """One of many, on a line of its own."""
    typer.echo(json.dumps(document, ensure_ascii=False, separators=(",", ":")))
    sys.stdout.flush()


def harmless(text: str) -> str:
    """Text from outside as a terminal may show it."""
    return STEERING.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def for_stdout(text: str) -> str:
    """Whatever reads a pipe gets the text as it is; a terminal gets it harmless."""
    return harmless(text) if is_terminal(sys.stdout) else text


def is_terminal(stream: TextIO | None) -> bool:
    """False also for one that was closed before we started."""
    return stream is not None and stream.isatty()


def write_table(columns: Sequence[str], rows: Iterable[Row], *, nothing: str) -> None:
    """Aligned columns; `nothing` is noted where there are no rows."""
    lines = [[harmless(_cell(value)) for value in row] for row in rows]
    if not lines:
        note(nothing)
        return
    table = [[column.upper() for column in columns], *lines]
    widths = [max(len(row[place]) for row in table) for place in range(len(columns))]
    for row in table:
        write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def write_fields(fields: Iterable[tuple[str, object]]) -> None:
    """One name and value a line; names without a value are left out."""
    shown = [(name, harmless(_cell(value))) for name, value in fields if value not in (None, "", {}, [])]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        write(f"{name.ljust(width)}  {value}")


def money(dollars: str | float | None) -> str:
    """`$0.0123`; a model without a listed price has no cost that we know."""
    return "price unknown" if dollars is None else f"${float(dollars):.4f}"


def local_time(moment: str | None) -> str:
    """An ISO time as this machine's clock shows it."""
    if moment is None:
        return "-"
    at = datetime.fromisoformat(moment).astimezone()
    return at.strftime("%H:%M:%S" if at.date() == datetime.now().astimezone().date() else "%Y-%m-%d %H:%M:%S")


def shortened(text: str, width: int = 60) -> str:
    """The beginning of a text on one line."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _cell(value: object) -> str:
    return "-" if value is None else str(value)
