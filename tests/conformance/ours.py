"""What docs/managed-agents.md says: the fields and events that Overnight adds, and what it refuses."""

import re
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "docs" / "managed-agents.md").read_text()
NAME = re.compile(r"`([^`]+)`")


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    section = TEXT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def names(cell: str) -> list[str]:
    return NAME.findall(cell)


ADDED = frozenset(name for row in rows("Added fields") for name in names(row[1]))
OWN_EVENTS = frozenset(name for row in rows("Added events") for name in names(row[0]))
EVENTS = {name: row[1] for row in rows("Events") for name in names(row[0])}
