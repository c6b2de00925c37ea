"""What the documents say can be done can be done, and what they show is so."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from overnight.settings import Settings
from overnight.stack.environment import variable
from overnight.states import CALL_MOVES, LIFE_MOVES, TASK_MOVES, WORK_MOVES, diagram
from tests.command_line import options_of
from tests.compose import ROOT

GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
BEYOND_SETTINGS = {"OVERNIGHT_URL", "OVERNIGHT_DEBUG"}


def shell_lines() -> Iterator[tuple[str, str]]:
    for path in GUIDES:
        for block in re.findall(r"```sh\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                yield path.name, line.strip()


OURS = [
    (name, match[1])
    for name, line in shell_lines()
    if (match := re.search(r"(?:^|uv run (?:--no-sync )?|exec \w+ )overnight (.+)$", line))
]


def test_readme_has_its_two_commands() -> None:
    run, tests = re.findall(r"^pip install uv && (.+)$", README, re.MULTILINE)
    assert run.startswith("uv run overnight run ")
    assert re.match(r"uv run --extra agent-sdk (pytest|poe test)", tests)


@pytest.mark.parametrize(("name", "line"), OURS)
def test_commands_are_command_lines_of_ours(name: str, line: str) -> None:
    options_of(shlex.split(line))


def test_many_commands_were_found() -> None:
    assert len(OURS) > 10


@pytest.mark.parametrize("path", [*GUIDES, ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md"], ids=lambda path: path.name)
def test_settings_that_are_named_exist(path: Path) -> None:
    named = set(re.findall(r"OVERNIGHT_[A-Z_]+", path.read_text(encoding="utf-8")))
    assert named <= {variable(name) for name in Settings.model_fields} | BEYOND_SETTINGS


@pytest.mark.parametrize("path", [*GUIDES, ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md"], ids=lambda path: path.name)
def test_files_that_are_linked_exist(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_modules_that_are_named_exist() -> None:
    named = set(re.findall(r"`((?:overnight|api|worker|ops|tests)/[\w/]*(?:\.\w+)?)`", ARCHITECTURE))
    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_the_diagrams_are_those_of_the_code() -> None:
    drawn = re.findall(r"```mermaid\n(.*?)\n```", ARCHITECTURE, re.DOTALL)
    assert drawn == [diagram(moves) for moves in (TASK_MOVES, LIFE_MOVES, CALL_MOVES, WORK_MOVES)]


def test_every_dependency_is_explained() -> None:
    rows = re.findall(r"^\| ([a-z][\w, -]+?)(?: \(\w+\))? \| ([\d., ]+) \|", ARCHITECTURE, re.MULTILINE)
    told = {
        name: version
        for names, versions in rows
        for name, version in zip(names.split(", "), versions.split(", "), strict=True)
    }
    project = PROJECT["project"]
    extras = [library for extra in project["optional-dependencies"].values() for library in extra]
    asked = [*project["dependencies"], *extras, *PROJECT["dependency-groups"]["dev"]]
    assert told == {name: _locked()[name] for name in map(_name, asked)}


def _name(requirement: str) -> str:
    match = re.match(r"[\w-]+", requirement)
    assert match
    return match[0]


def _locked() -> dict[str, str]:
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    return {package["name"]: package["version"] for package in lock["package"]}
