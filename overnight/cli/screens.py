"""Which way to show a task suits where the output goes."""

import sys

from overnight.cli.follow import Screen
from overnight.cli.lines import Lines
from overnight.cli.output import is_terminal


def screen_for(*, says_words: bool) -> Screen:
    """On a terminal alive; elsewhere in lines. Words are streamed only to a terminal that is stdout."""
    if is_terminal(sys.stdout) and says_words:
        return _terminal(to_stdout=True) or Lines()
    return (_terminal(to_stdout=False) if is_terminal(sys.stderr) else None) or Lines()


def _terminal(*, to_stdout: bool) -> Screen | None:
    from rich.console import Console

    from overnight.cli.terminal import Terminal

    console = Console(stderr=not to_stdout, highlight=False)
    return None if console.is_dumb_terminal else Terminal(console, says_words=to_stdout)
