"""The supervisor: starts in order, restarts what dies, says what does not start, stops in reverse."""

import io
import os
import signal
import stat
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from stack_support import FAST, STUBBORN, python, stays, until, words

from overnight.stack.child import Child, Patience
from overnight.stack.errors import StartFailed
from overnight.stack.logs import LARGEST
from overnight.stack.record import Mark
from overnight.stack.supervisor import Supervisor


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def supervised(directory: Path, *children: Child, patience: Patience = FAST, **how: object) -> Supervisor:
    return Supervisor(children, directory / "logs", patience=patience, **how)  # type: ignore[arg-type]


def mark_of(supervisor: Supervisor, name: str) -> Mark:
    return next(mark for mark in supervisor.processes() if mark.name == name)


def test_children_start_after_what_they_need_and_stop_before_it(tmp_path: Path, journal: Path) -> None:
    base = stays("base", journal, ready=lambda: "begin base" in words(journal))
    top = stays("top", journal, after=("base", "not in this stack"), ready=lambda: "begin top" in words(journal))
    with supervised(tmp_path, top, base):
        assert words(journal) == ["begin base", "begin top"]
    assert words(journal)[2:] == ["end top", "end base"]


def test_children_that_need_nothing_start_together(tmp_path: Path, journal: Path) -> None:
    def both() -> bool:
        return {"begin one", "begin other"} <= set(words(journal))

    with supervised(tmp_path, stays("one", journal, ready=both), stays("other", journal, ready=both)):
        assert both()


def test_a_killed_child_is_restarted(tmp_path: Path, journal: Path) -> None:
    with supervised(tmp_path, stays("worker1", journal), stays("beat", journal)) as supervisor:
        killed, bystander = mark_of(supervisor, "worker1"), mark_of(supervisor, "beat")
        for deaths in range(1, 4):
            until(lambda: words(journal).count("begin worker1") == deaths, "it runs")  # noqa: B023
            os.kill(mark_of(supervisor, "worker1").pid, signal.SIGKILL)
        until(lambda: words(journal).count("begin worker1") == 4, "it runs again")
        assert mark_of(supervisor, "worker1").pid != killed.pid
        assert mark_of(supervisor, "beat") == bystander
    assert words(journal).count("begin beat") == 1


def test_pauses_between_restarts_double_up_to_half_a_minute() -> None:
    assert [Patience().pause(restarts) for restarts in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert Patience().pause(100_000) == 30


@pytest.mark.parametrize(("long_life", "pauses"), [(60.0, ["0.05", "0.1", "0.2", "0.4"]), (0.0, ["0.05"] * 4)])
def test_a_long_life_starts_the_pauses_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, long_life: float, pauses: list[str]
) -> None:
    supervisor = supervised(
        tmp_path, python("api", "raise SystemExit(1)"), patience=replace(FAST, pause_reset=long_life)
    )
    with pytest.raises(StartFailed), supervisor:
        supervisor.wait()
    assert [f"{record.args[2]:.3g}" for record in caplog.records if isinstance(record.args, tuple)] == pauses


def test_a_child_that_never_starts_is_an_error_with_its_last_lines(tmp_path: Path, journal: Path) -> None:
    script = "import sys; print('a line before', flush=True); sys.exit('no such option: --frobnicate')"
    supervisor = supervised(tmp_path, stays("beat", journal), python("api", script, ready=lambda: False))
    with pytest.raises(StartFailed) as failed:
        supervisor.start()
    assert str(failed.value) == (
        "api did not start: ended with status 1, 5 times in a row\n  a line before\n  no such option: --frobnicate"
    )
    assert supervisor.log_path("api").read_text().count("a line before") == 5
    assert not mark_of(supervisor, "beat").process()


def test_one_without_a_check_that_dies_early_fails_while_the_stack_waits(tmp_path: Path) -> None:
    with supervised(tmp_path, python("worker1", "raise SystemExit('cannot import')")) as supervisor:
        with pytest.raises(StartFailed, match=r"worker1 did not start: .*\n  cannot import"):
            supervisor.wait()
        assert supervisor.failure


def test_a_child_that_does_not_answer_in_time_fails(tmp_path: Path, journal: Path) -> None:
    supervisor = supervised(
        tmp_path, stays("api", journal, ready=lambda: False, hint="look at it"), patience=replace(FAST, ready=0.2)
    )
    with pytest.raises(StartFailed, match=r"^api did not start: no answer within 0.2 s \(look at it\)$"):
        supervisor.start()
    assert not mark_of(supervisor, "api").process()


def test_a_command_that_is_not_there_fails(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match=r"sim did not start: cannot be run \(No such file or directory\)"):
        supervised(tmp_path, Child("sim", (str(tmp_path / "missing"),))).start()


def test_a_job_runs_once_and_others_wait_for_it(tmp_path: Path, journal: Path) -> None:
    job = python("migrate", f"open({str(journal)!r}, 'a').write('migrated\\n')", once=True)
    api = stays("api", journal, after=("migrate",), ready=lambda: "begin api" in words(journal))
    with supervised(tmp_path, api, job):
        assert words(journal) == ["migrated", "begin api"]
    assert words(journal).count("migrated") == 1


def test_a_job_that_fails_is_not_tried_again(tmp_path: Path, journal: Path) -> None:
    job = python("migrate", "print('table is locked'); raise SystemExit(3)", once=True)
    supervisor = supervised(tmp_path, job, stays("api", journal, after=("migrate",)))
    with pytest.raises(StartFailed, match=r"^migrate did not start: ended with status 3\n  table is locked$"):
        supervisor.start()
    assert words(journal) == []
    assert supervisor.log_path("migrate").read_text().count("locked") == 1


def test_a_check_that_breaks_is_a_failure_not_a_hang(tmp_path: Path, journal: Path) -> None:
    with pytest.raises(StartFailed, match="worker1 did not start: ZeroDivisionError"):
        supervised(tmp_path, stays("worker1", journal, ready=lambda: bool(1 // 0))).start()


@pytest.mark.parametrize("frozen", [False, True])
def test_one_that_outstays_its_grace_is_killed(tmp_path: Path, journal: Path, *, frozen: bool) -> None:
    child = stays("worker1", journal, script=STUBBORN, grace=0.3, ready=lambda: "begin worker1" in words(journal))
    with supervised(tmp_path, child) as supervisor:
        mark = mark_of(supervisor, "worker1")
        if frozen:
            os.kill(mark.pid, signal.SIGSTOP)
    assert not mark.process()
    assert words(journal) == (["begin worker1"] if frozen else ["begin worker1", "ignores worker1"])


def test_a_child_that_dies_during_the_stop_is_not_restarted(tmp_path: Path, journal: Path) -> None:
    slow = stays("slow", journal, script=STUBBORN, grace=0.5, after=("base",))
    with supervised(tmp_path, stays("base", journal), slow) as supervisor:
        until(lambda: len(words(journal)) == 2, "both run")
        os.kill(mark_of(supervisor, "base").pid, signal.SIGKILL)
    assert words(journal).count("begin base") == 1


def test_each_child_leads_a_session_of_its_own(tmp_path: Path, journal: Path) -> None:
    with supervised(tmp_path, stays("beat", journal)) as supervisor:
        pid = mark_of(supervisor, "beat").pid
        assert os.getsid(pid) == os.getpgid(pid) == pid != os.getsid(0)


def test_what_a_child_prints_is_kept_and_echoed(tmp_path: Path) -> None:
    echoed = io.StringIO()
    script = "import sys; print('to stdout', flush=True); print('to stderr', file=sys.stderr)"
    with supervised(tmp_path, python("beat", script, once=True), echo=echoed) as supervisor:
        log = supervisor.log_path("beat")
    assert log.read_text() == "to stdout\nto stderr\n"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert echoed.getvalue() == "     beat | to stdout\n     beat | to stderr\n"


def test_a_log_that_grew_too_long_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    log, aside = tmp_path / "logs" / "beat.log", tmp_path / "logs" / "beat.log.1"
    log.write_bytes(b"x" * LARGEST)
    with supervised(tmp_path, python("beat", "print('!')", once=True)):
        pass
    assert log.stat().st_size == LARGEST + 2, "10 MB are kept"
    assert not aside.exists()
    echoed = io.StringIO()
    with supervised(tmp_path, python("beat", "print('anew')", once=True), echo=echoed):
        pass
    assert log.read_text() == "anew\n"
    assert aside.stat().st_size == LARGEST + 2
    assert echoed.getvalue() == "     beat | anew\n"


def test_children_that_wait_for_each_other_are_refused(tmp_path: Path, journal: Path) -> None:
    one, other = stays("one", journal, after=("other",)), stays("other", journal, after=("one",))
    with pytest.raises(ValueError, match="children that wait for each other: one, other"):
        supervised(tmp_path, one, other)


def test_nothing_is_left_after_a_start_is_interrupted(tmp_path: Path, journal: Path) -> None:
    def interrupted() -> bool:
        os.kill(os.getpid(), signal.SIGINT)
        return False

    before = psutil.Process().children()  # servers of other tests
    base = stays("base", journal)
    with pytest.raises(KeyboardInterrupt):
        supervised(tmp_path, base, stays("api", journal, ready=interrupted)).start()
    assert psutil.Process().children() == before
