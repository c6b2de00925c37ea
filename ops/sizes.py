"""No Python file over 400 lines and no function over 60: `python -m ops.sizes`."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FILE, FUNCTION = 400, 60
FOLDERS = ("overnight", "api", "worker", "ops", "tests")
LISTS = Path("ops/migrations/versions")  # what changes in the tables, one after the other
Function = ast.FunctionDef | ast.AsyncFunctionDef


def too_long(path: Path) -> Iterator[str]:
    """What in a file is longer than it may be, a line each."""
    source = path.read_text(encoding="utf-8")
    if (lines := len(source.splitlines())) > FILE:
        yield f"{path}: {lines} lines; at most {FILE}: find the second reason to change, and give it a file"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Function) and (lines := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION:
            yield f"{path}:{node.lineno}: {node.name} has {lines} lines; at most {FUNCTION}"


if __name__ == "__main__":
    paths = [path for folder in FOLDERS for path in sorted(Path(folder).rglob("*.py")) if path.parent != LISTS]
    found = [line for path in paths for line in too_long(path)]
    sys.exit("\n".join(found) or 0)
