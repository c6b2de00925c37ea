"""Which way to show a task suits where the output goes."""

import sys

from overnight.cli.asks import Place
from overnight.cli.follow import Person, Screen
from overnight.cli.lines import Lines
from overnight.cli.output import is_terminal


def screen_for(place: Place, *, says_words: bool) -> Screen:
    """On a terminal alive; elsewhere in lines. Words are streamed only to a terminal that is stdout."""
    if is_terminal(sys.stdout) and says_words:
        return _terminal(place, to_stdout=True) or Lines(place)
    return (_terminal(place, to_stdout=False) if is_terminal(sys.stderr) else None) or Lines(place)


def person_at(screen: Screen) -> Person | None:
    """None where nobody can be asked: at a pipe, or in a script."""
    if isinstance(screen, Lines) or not is_terminal(sys.stdin):
        return None
    from overnight.cli import person
    from overnight.cli.terminal import Terminal

    return person.Person(screen) if isinstance(screen, Terminal) else None


def _terminal(place: Place, *, to_stdout: bool) -> Screen | None:
    from rich.console import Console

    from overnight.cli.terminal import Terminal

    console = Console(stderr=not to_stdout, highlight=False)
    return None if console.is_dumb_terminal else Terminal(console, place, says_words=to_stdout)
