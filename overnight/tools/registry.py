"""The tools that a team has written, found by name: the setting OVERNIGHT_TOOLS, and packages' entry points."""

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from overnight.tools.declaration import Tool
from overnight.tools.decorator import tool
from overnight.tools.errors import BadTool, BadTools
from overnight.tools.names import REMEDY, RESERVED

GROUP = "overnight.tools"
SETTING = "OVERNIGHT_TOOLS"


@dataclass(frozen=True, slots=True)
class Registry:
    """What this machine can serve, by name in the order found, and what is wrong with the rest."""

    tools: Mapping[str, Tool] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def load(named: str) -> Registry:
    """All tools of `named` (the setting's value) and of entry points. Raises `BadTools` with every problem."""
    registry = examine(named)
    if registry.problems:
        raise BadTools(list(registry.problems))
    return registry


def examine(named: str) -> Registry:
    """Like `load`, for those who want to see what is right although something is wrong."""
    tools: dict[str, Tool] = {}
    problems: list[str] = []
    for source, find in _sources(named):
        try:
            _add(tools, _tools_in(find()))
        except BadTool as error:
            problems.append(f"{source}: {error}")
        # A module of someone else's may raise anything, also SystemExit.
        except (Exception, SystemExit) as error:
            told = " ".join(f"{type(error).__name__}: {error}".split())
            problems.append(f"{source} cannot be imported ({told}): {_remedy(source)}")
    return Registry(tools, tuple(problems))


def _sources(named: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Each place by the name that errors call it, and how to get at it."""
    for name in filter(None, (part.strip() for part in named.split(","))):
        yield f"{SETTING}: {name}", lambda name=name: _import(name)  # type: ignore[misc]
    for point in entry_points(group=GROUP):
        yield f"entry point {point.name} ({point.value})", point.load


def _import(name: str) -> Any:
    """A module, or with `module:attribute` what is in it. The current directory counts, as for `python -m`."""
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    module, _, attribute = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in filter(None, attribute.split(".")):
        if not hasattr(found, part):
            raise BadTool(f"{module} has no {attribute}: name a tool or a list of tools that it has")
        found = getattr(found, part)
    return found


def _tools_in(found: Any) -> list[Tool]:
    """A tool, a list of them, or those that stand in a module; the SDK's own kind counts as well."""
    if isinstance(found, ModuleType):
        tools = [made for value in vars(found).values() if (made := _as_tool(value))]
    elif isinstance(found, list | tuple):
        tools = [made for value in found if (made := _as_tool(value))]
    else:
        tools = [made] if (made := _as_tool(found)) else []
    if not tools:
        raise BadTool("no tools there: put @tool above a function")
    return tools


def _as_tool(value: Any) -> Tool | None:
    from anthropic.lib.tools import BetaAsyncFunctionTool, BetaFunctionTool

    if isinstance(value, BetaFunctionTool | BetaAsyncFunctionTool):
        return tool(value)
    return value if isinstance(value, Tool) else None


def _add(tools: dict[str, Tool], found: list[Tool]) -> None:
    for new in found:
        if new.name in RESERVED:
            raise BadTool(f"tool {new.name}: one of Overnight's own tools has this name: {REMEDY}")
        known = tools.setdefault(new.name, new)
        if known.function is not new.function:
            raise BadTool(f"two tools are called {new.name}, in {known.origin} and in {new.origin}: {REMEDY}")


def _remedy(source: str) -> str:
    if source.startswith(SETTING):
        return "correct the name, install its package, or start where it can be imported from"
    return "correct its package, or uninstall it"
