"""What can be wrong about tools.

BadTool    a tool is declared wrongly: its author's mistake, found when it is loaded
BadTools   what the setting OVERNIGHT_TOOLS and the entry points name cannot be served, with all reasons
BadInput   Claude's input is not what the tool takes: told to Claude
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class BadTool(TypeError):
    """A tool is declared wrongly."""


class BadTools(Exception):
    """The named tools cannot be served."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


class BadInput(Exception):
    """The input is not what the tool takes; the message names each field."""


def fields_of(error: "ValidationError") -> str:
    """Each field and what is wrong with it, on one line; the values stay out."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{_where(problem['loc'])}: {_plain(problem['msg'])}" for problem in found)


def _where(place: tuple[int | str, ...]) -> str:
    return ".".join(map(str, place)) or "input"


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ")
