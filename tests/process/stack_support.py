"""Small children, and a program that runs a stack of them, for the tests of `overnight.stack`."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

from overnight.settings import Settings
from overnight.stack.child import Child, Patience
from overnight.stack.leftovers import end_leftovers
from overnight.stack.plan import Parts, Plan
from overnight.stack.ports import free_port, http_url
from overnight.stack.ready import http_answers
from overnight.stack.record import Mark, Record
from overnight.stack.stack import Stack

FAST = Patience(pause_first=0.05, settled=0.5, ready=10)
PYTHON = (sys.executable, "-S", "-E", "-c")

# Stays until SIGTERM and notes in a journal what happens to it.
STAYS = """
import signal, sys
name, journal = sys.argv[1:3]
def note(word):
    with open(journal, "a") as file:
        file.write(f"{word} {name}\\n")
def leave(*_):
    note("end")
    sys.exit(0)
signal.signal(signal.SIGINT, lambda *_: note("interrupted"))
signal.signal(signal.SIGTERM, leave)
note("begin")
while True:
    signal.pause()
"""

# Outstays SIGTERM, as a frozen process would.
STUBBORN = STAYS.replace('    note("end")\n    sys.exit(0)', '    note("ignores")')

ANSWERS = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def stays(name: str, journal: Path, *, script: str = STAYS, **how: object) -> Child:
    return Child(name, (*PYTHON, script, name, str(journal)), **how)  # type: ignore[arg-type]


def python(name: str, script: str, *arguments: str, **how: object) -> Child:
    return Child(name, (*PYTHON, script, *arguments), **how)  # type: ignore[arg-type]


def until(holds: Callable[[], object], what: str, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain until {what}"
        time.sleep(0.01)


def words(journal: Path) -> list[str]:
    return journal.read_text().splitlines() if journal.exists() else []


def plan_of_test(data_dir: Path, kind: str) -> Plan:
    """base <- middle <- top, and a server that answers as the API does."""
    journal = data_dir / "journal"
    port = free_port()
    script = STUBBORN if kind == "stubborn" else STAYS
    grace = 600.0 if kind == "stubborn" else 10.0

    def noted(name: str) -> Callable[[], bool]:
        return lambda: f"begin {name}" in words(journal)

    children = (
        python("api", ANSWERS, str(port), ready=http_answers(http_url("127.0.0.1", port))),
        stays("base", journal, ready=noted("base")),
        stays("middle", journal, ready=noted("middle"), after=("base",)),
        stays("top", journal, script=script, ready=noted("top"), after=("middle",), grace=grace),
    )
    return Plan(children, base_url=http_url("127.0.0.1", port))


def children(data_dir: Path) -> tuple[Mark, ...]:
    record = Record.read(data_dir)
    assert record
    return record.children


@contextmanager
def program(data_dir: Path, kind: str = "plain") -> Iterator["Popen[str]"]:
    """Runs `main` in a process and a process group of its own, as a shell would; in the end nothing of it is left."""
    argv = [sys.executable, __file__, str(data_dir), kind]
    with Popen(argv, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, text=True, start_new_session=True) as process:
        assert process.stdout
        marks: tuple[Mark, ...] = ()
        try:
            assert process.stdout.readline() == "started\n", process.stderr and process.stderr.read()
            marks = children(data_dir)
            yield process
        finally:
            process.kill()
            end_leftovers(marks, grace=0)


def main() -> None:
    data_dir, kind = Path(sys.argv[1]), sys.argv[2]
    settings = Settings(data_dir=data_dir, _env_file=None)

    def planner(_settings: Settings, _parts: Parts) -> Plan:
        return plan_of_test(data_dir, kind)

    with Stack(settings, planner=planner, patience=FAST) as stack:
        if kind == "busy":
            say("started")
            time.sleep(600)
        threading.Thread(target=say_when_it_waits).start()
        stack.wait()
    say("stopped")


def say_when_it_waits() -> None:
    while signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        time.sleep(0.002)
    say("started")


def say(word: str) -> None:
    print(word, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
