"""Wrong usage and missing servers: one line on stderr that says the remedy, the right exit code, nothing on stdout."""

import os
import subprocess

import pytest

from tests.cli.support import OVERNIGHT, Shell

NOWHERE = {"OVERNIGHT_URL": "http://127.0.0.1:9", "OVERNIGHT_API_KEY": "sk-overnight-x"}
NO_DATABASE = {"OVERNIGHT_DATABASE_URL": "postgresql://user:hidden@127.0.0.1:9/x"}
TASK = "task_0"

WRONG = {
    "unknown command": (["nonsense"], {}, 2, "overnight --help"),
    "unknown option": (["status", "--nonsense"], {}, 2, "overnight status --help"),
    "missing argument": (["cancel"], {}, 2, "TASK"),
    "wrong type": (["up", "--port", "many"], {}, 2, "--port"),
    "empty prompt": (["run", " "], {}, 2, "--file"),
    "no prompt": (["submit"], {}, 2, "prompt is empty"),
    "no such file": (["submit", "--file", "/nonexistent"], {}, 2, "/nonexistent"),
    "agent without a file": (["agents", "create", "/nonexistent"], {}, 2, "/nonexistent"),
    "bad metadata": (["submit", "x", "--metadata", "y"], {}, 2, "NAME=VALUE"),
    "bad time": (["submit", "x", "--not-before", "soon"], {}, 2, "--not-before"),
    "no such group": (["usage", "--by", "colour"], {}, 2, "session"),
    "a budget without a limit": (["budgets", "set"], {}, 2, "--tokens"),
    "wait for nothing": (["status", "--wait", "1"], {}, 2, "id"),
    "no id": (["status", "../keys"], NOWHERE, 2, "task_"),
    "neither task nor session": (["watch", "xyz"], NOWHERE, 2, "sesn_"),
    "bad address": (["status"], {**NOWHERE, "OVERNIGHT_URL": "localhost"}, 2, "http://"),
    "no key": (["status", "--url", "http://127.0.0.1:9"], {}, 2, "OVERNIGHT_API_KEY"),
    "bad setting": (["migrate"], {"OVERNIGHT_PORT": "abc"}, 2, "OVERNIGHT_PORT"),
    "bad database address": (["migrate"], {"OVERNIGHT_DATABASE_URL": "nonsense"}, 2, "OVERNIGHT_DATABASE_URL"),
    "bad partitions": (["worker", "--partitions", "60-64"], {}, 2, "0 to 63"),
    "no server": (["status"], {}, 3, "overnight up"),
    "server away": (["status", TASK], NOWHERE, 3, "http://127.0.0.1:9"),
    "watch without a server": (["watch", TASK], NOWHERE, 3, "overnight up"),
    "run without its server": (["run", "x"], NOWHERE, 3, "http://127.0.0.1:9"),
    "database away": (["keys", "list"], NO_DATABASE, 3, "OVERNIGHT_DATABASE_URL"),
    "no schema": (["keys", "list"], {}, 3, "overnight migrate"),
    "worker without Redis": (["worker"], {}, 3, "OVERNIGHT_REDIS_URL"),
    "worker without Claude": (["worker"], {"OVERNIGHT_REDIS_URL": "redis://127.0.0.1:9"}, 2, "ANTHROPIC_API_KEY"),
    "flower without a password": (["flower"], {"OVERNIGHT_REDIS_URL": "redis://127.0.0.1:9"}, 2, "user:password"),
    "data directory in the way": (["up"], {"OVERNIGHT_DATA_DIR": "/dev/null/x"}, 3, "OVERNIGHT_DATA_DIR"),
}


@pytest.mark.parametrize(("arguments", "settings", "code", "remedy"), WRONG.values(), ids=WRONG)
def test_one_line_says_what_to_do(
    shell: Shell, arguments: list[str], settings: dict[str, str], code: int, remedy: str
) -> None:
    said = shell.with_settings(**settings).run(*arguments).expect(code)
    assert said.out == ""
    assert said.err.count("\n") == 1, said.err
    assert said.err.startswith("overnight: ")
    assert remedy in said.err
    assert "hidden" not in said.err


def test_asking_without_a_server_makes_no_files(shell: Shell) -> None:
    shell.run("status").expect(3)
    shell.run("keys", "list").expect(3)
    assert list(shell.folder.iterdir()) == []


def test_a_prompt_that_is_no_text_is_refused(shell: Shell) -> None:
    said = shell.run("submit", "--file", "-", stdin=b"\xff\xfe").expect(2)
    assert "UTF-8" in said.err


def test_debugging_shows_the_traceback(shell: Shell) -> None:
    said = shell.with_settings(OVERNIGHT_DEBUG="1").run("status")
    assert "Traceback" in said.err
    assert said.code != 0


def test_help_explains_the_exit_codes(shell: Shell) -> None:
    said = shell.run("--help").expect(0)
    assert "130  Ctrl-C" in said.out
    assert said.err == ""


def test_every_command_of_the_design_is_there(shell: Shell) -> None:
    listed = shell.run("--help").expect(0).out.partition("Commands:")[2]
    commands = {line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2:3].isalpha()}
    assert commands >= {
        "up",
        "run",
        "api",
        "worker",
        "beat",
        "flower",
        "submit",
        "status",
        "watch",
        "cancel",
        "retry",
        "sessions",
        "migrate",
        "doctor",
        "sim",
        "keys",
        "bench",
    }


def test_version(shell: Shell) -> None:
    from overnight import __version__

    assert shell.run("--version").expect(0).out == f"overnight {__version__}\n"


def test_sim_gets_its_arguments_untouched(shell: Shell) -> None:
    assert "--port-file" in shell.run("sim", "--help").expect(0).out


def test_a_reader_that_leaves_is_no_error(shell: Shell) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as nobody:
        done = subprocess.run(
            [*OVERNIGHT, "--help"], stdout=nobody, stderr=subprocess.PIPE, env=shell.env, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (0, "")


def test_neither_input_nor_output_is_open(shell: Shell) -> None:
    command = f"{' '.join(OVERNIGHT)} run --file - <&- >&-"
    done = subprocess.run(command, shell=True, stderr=subprocess.PIPE, env=shell.env, text=True, check=False)
    assert done.returncode == 2
    assert "standard input is closed" in done.stderr


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ("{", "is not JSON"),
        ("[]", "a JSON object"),
        ('{"limits": NaN}', "NaN is no JSON"),
        (b"\xff", "convert it first"),
    ],
)
def test_an_agent_that_is_no_json_object_is_refused(shell: Shell, given: str | bytes, remedy: str) -> None:
    assert remedy in shell.run("agents", "create", "-", stdin=given).expect(2).err
