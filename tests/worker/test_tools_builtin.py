"""read, write, edit, glob, grep and bash in a workspace, and every way out of it that we could think of."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from overnight.tools import Context
from tests.worker.loops import Loop, perform
from worker.tools import beneath, files
from worker.tools.results import Result
from worker.tools.running import Bounds, begin
from worker.tools.shell import Shell
from worker.tools.toolbox import FILE_TOOLS

SECRET = "the secret of somebody else"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.txt").write_text(SECRET)
    return folder


@pytest.fixture
def context(tmp_path: Path, outside: Path) -> Context:
    """Links lead out of the workspace: to a file, to a folder, to what does not exist, and in a circle."""
    context = Context(folder=tmp_path / "workspaces" / "sesn_1")
    links = {
        "file_link": outside / "secret.txt",
        "folder_link": outside,
        "dangling": outside / "new.txt",
        "circle": context.workspace / "circle",
        "relative_link": "../../outside",
    }
    for name, target in links.items():
        (context.workspace / name).symlink_to(target)
    (context.workspace / "inside.txt").write_text("one\ntwo\nthree\n")
    return context


class Using:
    """Tools by name, as Claude uses them."""

    def __init__(self, loop: Loop, context: Context) -> None:
        self._loop = loop
        self._context = context

    def __call__(self, name: str, **given: Any) -> Result:
        return perform(FILE_TOOLS[name], given, self._context, self._loop, Bounds(60))

    def text(self, name: str, **given: Any) -> str:
        result = self(name, **given)
        assert not result.is_error, result.content
        return str(result.content)


@pytest.fixture
def use(loop: Loop, context: Context) -> Using:
    return Using(loop, context)


WAYS_OUT = [
    "../outside/secret.txt",
    "../../outside/secret.txt",
    "sub/../../../outside/secret.txt",
    "{outside}/secret.txt",
    "/etc/passwd",
    "file_link",
    "./file_link",
    "folder_link/secret.txt",
    "relative_link/secret.txt",
    "folder_link/../secret.txt",
    "dangling",
    "circle",
    "circle/x",
    "..",
    "/",
    "~/x",
    "\0",
    "x" * 5_000,
    "/proc/self/environ",
    "/proc/self/cwd/x",
]
ACTIONS: dict[str, dict[str, Any]] = {
    "read": {},
    "write": {"content": "overwritten"},
    "edit": {"old_string": "secret", "new_string": "overwritten"},
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("way", WAYS_OUT, ids=[repr(way)[:30] for way in WAYS_OUT])
def test_no_path_leads_out(use: Using, outside: Path, context: Context, action: str, way: str) -> None:
    asked = way.format(outside=outside)
    result = use(action, file_path=asked, **ACTIONS[action])
    if action == "write" and asked in {"~/x", "folder_link/../secret.txt"}:
        assert not result.is_error  # names like any other, inside
    else:
        assert result.is_error
    assert SECRET not in str(result.content)
    assert (outside / "secret.txt").read_text() == SECRET
    assert os.listdir(outside) == ["secret.txt"]
    if str(context.folder) not in asked:
        assert str(context.folder) not in str(result.content)


@pytest.mark.parametrize("name", ["glob", "grep"])
@pytest.mark.parametrize(
    "path", ["..", "../../outside", "/", "/etc", "{outside}", "folder_link", "file_link", "circle"]
)
def test_no_search_begins_outside(use: Using, outside: Path, name: str, path: str) -> None:
    result = use(name, pattern="*" if name == "glob" else "secret", path=path.format(outside=outside))
    assert result.is_error
    assert "outside the session's working directory" in str(result.content) or "symbolic links" in str(result.content)


@pytest.mark.parametrize("pattern", ["../**", "**/../../outside/*", "/etc/*", "{outside}/*", ".", ""])
def test_no_pattern_leads_out(use: Using, outside: Path, pattern: str) -> None:
    assert use("glob", pattern=pattern.format(outside=outside)).is_error


@pytest.mark.parametrize("pattern", ["**", "**/*", "folder_link/*", "*/*", "*_link", "**/secret.txt"])
def test_no_pattern_follows_a_link(use: Using, pattern: str) -> None:
    found = use.text("glob", pattern=pattern).splitlines()
    assert found in (["inside.txt"], ["no matches"])


def test_no_search_follows_a_link(use: Using) -> None:
    assert use.text("grep", pattern="secret") == "no matches"
    assert use.text("grep", pattern="tw.") == "inside.txt:2:two"


@pytest.mark.parametrize("swapped", ["file", "folder"])
@pytest.mark.parametrize("action", ACTIONS)
def test_a_link_that_is_swapped_in_after_the_check_is_not_followed(
    use: Using, outside: Path, context: Context, monkeypatch: pytest.MonkeyPatch, action: str, swapped: str
) -> None:
    folder = context.workspace / "folder"
    folder.mkdir()
    (folder / "secret.txt").write_text("a secret of one's own")
    check = beneath.parts_of

    def checked(workspace: Path, asked: str) -> tuple[str, ...]:
        parts = check(workspace, asked)
        (folder / "secret.txt").unlink()
        if swapped == "folder":
            folder.rmdir()
            folder.symlink_to(outside)
        else:
            (folder / "secret.txt").symlink_to(outside / "secret.txt")
        return parts

    monkeypatch.setattr(beneath, "parts_of", checked)
    result = use(action, file_path="folder/secret.txt", **ACTIONS[action])
    assert SECRET not in str(result.content)
    assert (outside / "secret.txt").read_text() == SECRET
    assert os.listdir(outside) == ["secret.txt"]
    assert result.is_error or (action == "write" and swapped == "file")  # there the link itself is replaced


def test_a_link_within_the_workspace_works(use: Using, context: Context) -> None:
    (context.workspace / "other.txt").symlink_to("inside.txt")
    assert use.text("read", file_path="other.txt").startswith("one\n")
    use.text("write", file_path="other.txt", content="new")
    assert (context.workspace / "inside.txt").read_text() == "new"


def test_an_absolute_path_inside_is_fine(use: Using, context: Context) -> None:
    assert use.text("read", file_path=str(context.workspace / "inside.txt")).startswith("one\n")


def test_write_makes_folders_and_keeps_the_mode(use: Using, context: Context) -> None:
    assert use.text("write", file_path="a/b/c.txt", content="ä") == "wrote 2 bytes to a/b/c.txt"
    assert (context.workspace / "a/b/c.txt").read_text() == "ä"
    (context.workspace / "a/b/c.txt").chmod(0o755)
    use.text("edit", file_path="a/b/c.txt", old_string="ä", new_string="b")
    assert (context.workspace / "a/b/c.txt").stat().st_mode & 0o777 == 0o755
    assert os.listdir(context.workspace / "a/b") == ["c.txt"]  # nothing temporary is left


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"old_string": "four", "new_string": "x"}, "was not found"),
        ({"old_string": "", "new_string": "x"}, "was not found"),
        ({"old_string": "t", "new_string": "x"}, "occurs 2 times"),
    ],
)
def test_an_edit_that_is_not_clear_is_refused(use: Using, context: Context, given: dict[str, str], told: str) -> None:
    result = use("edit", file_path="inside.txt", **given)
    assert result.is_error
    assert told in str(result.content)
    assert (context.workspace / "inside.txt").read_text() == "one\ntwo\nthree\n"


def test_edits(use: Using, context: Context) -> None:
    assert "1 replaced" in use.text("edit", file_path="inside.txt", old_string="two", new_string="2")
    assert "2 replaced" in use.text(
        "edit", file_path="inside.txt", old_string="e\n", new_string="E\n", replace_all=True
    )
    assert (context.workspace / "inside.txt").read_text() == "onE\n2\nthreE\n"


@pytest.mark.parametrize(
    ("lines", "shown"),
    [([2, 2], "two"), ([2, 3], "two\nthree"), ([2, -1], "two\nthree"), ([0, 1], "one"), ([9, 12], "(no output)")],
)
def test_lines_of_a_file(use: Using, lines: list[int], shown: str) -> None:
    assert use.text("read", file_path="inside.txt", view_range=lines) == shown


def test_a_huge_file_is_read_in_parts_only(use: Using, context: Context) -> None:
    with (context.workspace / "huge.txt").open("wb") as file:
        file.write(b"first\n")
        file.seek(20_000_000_000)  # sparse: it takes no room on the disk
        file.write(b"last")
    began = time.monotonic()
    assert "larger than" in str(use("read", file_path="huge.txt").content)
    assert use("edit", file_path="huge.txt", old_string="first", new_string="x").is_error
    assert use.text("read", file_path="huge.txt", view_range=[1, 1]) == "first"
    assert use("read", file_path="huge.txt", view_range=[2, 2]).is_error
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("name", ["huge.png", "huge.pdf"])
def test_a_huge_picture_is_refused(use: Using, context: Context, name: str) -> None:
    with (context.workspace / name).open("wb") as file:
        file.truncate(20_000_000_000)
    result = use("read", file_path=name)
    assert result.is_error
    assert "the most that can be shown" in str(result.content)


def test_a_picture_is_shown(use: Using, context: Context) -> None:
    (context.workspace / "a.PNG").write_bytes(b"\x89PNG")
    assert use("read", file_path="a.PNG").content == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}}
    ]


def test_what_is_no_file_is_refused_at_once(use: Using, context: Context) -> None:
    os.mkfifo(context.workspace / "pipe")
    (context.workspace / "binary").write_bytes(b"\xff\xfe")
    for path in ("pipe", ".", "binary", "missing"):
        assert use("read", file_path=path).is_error, path
    assert use.text("grep", pattern=".*", path="inside.txt").count("\n") == 2
    assert "pipe" not in use.text("grep", pattern=".*")


@pytest.mark.parametrize(
    "pattern", ["**/*.py", "a/**/*.py", "a/*/d.py", "**/d.py", "a/**", "a/**/b/**/d.py", "[a]/?/d.py"]
)
def test_patterns(use: Using, context: Context, pattern: str) -> None:
    (context.workspace / "a/b").mkdir(parents=True)
    (context.workspace / "a/b/d.py").touch()
    assert use.text("glob", pattern=pattern) == "a/b/d.py"
    assert use.text("glob", pattern="*.py") == "no matches"
    assert use.text("glob", pattern="*.py", path="a/b") == "a/b/d.py"


def test_the_newest_come_first(use: Using, context: Context) -> None:
    for age, name in enumerate(["c.py", "a.py", "b.py"]):
        (context.workspace / name).touch()
        os.utime(context.workspace / name, (1_000_000 - age, 1_000_000 - age))
    assert use.text("glob", pattern="*.py").split("\n") == ["c.py", "a.py", "b.py"]


def test_a_search_without_end_holds_nobody_up(use: Using, loop: Loop, context: Context) -> None:
    (context.workspace / "evil.txt").write_text("a" * 40 + "b\n")
    endless = begin(FILE_TOOLS["grep"], {"pattern": "(a+)+$"}, context, loop.loop, Bounds(timeout=2))
    assert use.text("glob", pattern="inside*") == "inside.txt"
    assert use.text("read", file_path="inside.txt").startswith("one")
    assert "time limit of 2 seconds" in str(endless.result(60).content)


def test_a_search_in_large_files_says_only_so_much(use: Using, context: Context) -> None:
    (context.workspace / "long.txt").write_text("x" * 5_000_000 + "\nshort x\n")
    (context.workspace / "many.txt").write_text("many\n" * 100_000)
    assert use.text("grep", pattern="x") == "long.txt:2:short x"
    found = use.text("grep", pattern="many")
    assert len(found) < 110_000
    assert found.endswith("narrow the pattern or the path]")


def test_an_expression_that_is_none_is_refused(use: Using) -> None:
    result = use("grep", pattern="(")
    assert result.is_error
    assert "invalid regular expression" in str(result.content)


class Bash:
    def __init__(self, loop: Loop, context: Context) -> None:
        self.shell = Shell()
        self._loop = loop
        self._context = context

    def __call__(self, command: str | None = None, timeout: float = 60, **given: Any) -> Result:
        given = {**({} if command is None else {"command": command}), **given}
        context = Context(folder=self._context.folder)
        return perform(self.shell.tool, given, context, self._loop, Bounds(timeout))

    def close(self) -> None:
        self._loop.run(self.shell.close())


@pytest.fixture
def bash(loop: Loop, context: Context) -> Iterator[Bash]:
    bash = Bash(loop, context)
    yield bash
    bash.close()


def gone(process: int) -> bool:
    """Whether it is dead; one that nobody has reaped yet counts."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return True


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"not within 30 s: {what}"
        time.sleep(0.02)


def test_a_shell_stays_open(bash: Bash, context: Context) -> None:
    assert bash("cd /; export A=1") == Result("(no output)")
    assert bash("echo $PWD $A") == Result("/ 1")
    assert bash(restart=True) == Result("the shell was restarted")
    assert bash("echo $PWD $A") == Result(str(context.folder))


def test_what_fails_says_so(bash: Bash) -> None:
    assert bash("echo x; false") == Result("x\n[exit code 1]", is_error=True)
    assert bash().is_error
    assert bash("echo last; exit 3") == Result(
        "last\n[the shell has ended; the next command starts another]", is_error=True
    )
    assert bash("echo again") == Result("again")


def test_no_secret_of_ours_is_in_its_environment(bash: Bash, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "OVERNIGHT_DATABASE_URL", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, SECRET)
    assert SECRET not in str(bash("env").content)


@pytest.mark.parametrize("end", ["closed", "timeout", "own timeout", "cancelled"])
def test_all_that_was_started_ends(bash: Bash, loop: Loop, context: Context, end: str) -> None:
    children = [int(pid) for pid in str(bash("sleep 600 & echo $!; (sleep 601 & echo $!)").content).split()]
    assert len(children) == 2
    assert not any(map(gone, children))
    if end == "closed":
        bash.close()
    elif end == "timeout":
        assert bash("sleep 602", timeout=0.3).is_error
    elif end == "own timeout":
        assert "timed out after 0.3s" in str(bash("sleep 602", timeout_ms=300).content)
    else:
        call = begin(bash.shell.tool, {"command": "touch begun; sleep 602"}, context, loop.loop)
        until((context.workspace / "begun").exists, "the command began")
        context.cancelled.set()
        with pytest.raises(CancelledError):
            call.result(20)
    for child in children:
        until(partial(gone, child), f"{child} is gone")
    assert bash("echo alive") == Result("alive")


def test_commands_take_turns(bash: Bash, loop: Loop, context: Context) -> None:
    calls = [
        begin(bash.shell.tool, {"command": f"sleep 0.05; echo {number}"}, context, loop.loop) for number in range(5)
    ]
    assert [call.result(30).content for call in calls] == ["0", "1", "2", "3", "4"]


def test_the_names_are_the_sdks() -> None:
    from anthropic.lib.tools.agent_toolset import AgentToolContext, beta_agent_toolset_20260401

    theirs = {tool.name: tool.to_dict()["input_schema"] for tool in beta_agent_toolset_20260401(AgentToolContext())}
    ours = {tool.name: tool.definition["input_schema"] for tool in (*FILE_TOOLS.values(), Shell().tool)}
    assert ours == theirs
    assert files.read.origin == "worker.tools.files"
