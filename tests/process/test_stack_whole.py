"""The stack as a process: alone in its directory, found by clients, stopped in order, nothing left when killed."""

import fcntl
import os
import signal
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from subprocess import Popen

import psutil
import pytest
from stack_support import FAST, children, plan_of_test, program, python, stays, until, words

from overnight.settings import Settings
from overnight.stack.discover import find_running
from overnight.stack.errors import AlreadyRunning, DirectoryUnusable, StartFailed
from overnight.stack.lock import StackLock, holder
from overnight.stack.plan import Plan
from overnight.stack.record import Mark, Record, this_process
from overnight.stack.stack import Stack
from overnight.stack.supervisor import Supervisor

IN_ORDER = ["begin base", "begin middle", "begin top", "end top", "end middle", "end base"]


def stack_of(data_dir: Path, plan: Plan, **how: object) -> Stack:
    settings = Settings(data_dir=data_dir, _env_file=None)
    return Stack(settings, planner=lambda _settings, _parts: plan, patience=FAST, **how)  # type: ignore[arg-type]


def guardian_of(process: "Popen[str]") -> psutil.Process:
    return next(c for c in psutil.Process(process.pid).children() if "overnight.stack.guardian" in c.cmdline())


def all_gone(marks: tuple[Mark, ...]) -> bool:
    return not any(mark.process() for mark in marks)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_group_drains_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with program(tmp_path) as process:
        marks = children(tmp_path)
        os.killpg(process.pid, number)  # as the terminal does: children that were in this group would note it
        output, errors = process.communicate(timeout=15)
        assert (process.returncode, output, errors) == (0, "stopped\n", "")
    assert words(tmp_path / "journal") == IN_ORDER
    assert len(marks) == 4
    assert all_gone(marks)
    assert Record.read(tmp_path) is None
    assert holder(tmp_path) is None


def test_a_stack_that_nobody_waits_for_drains_as_well(tmp_path: Path) -> None:
    with program(tmp_path, "busy") as process:
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=15)
        assert process.returncode == 128 + signal.SIGHUP
    assert words(tmp_path / "journal") == IN_ORDER


def test_a_second_interrupt_kills_at_once(tmp_path: Path) -> None:
    with program(tmp_path, "stubborn") as process:
        marks = children(tmp_path)
        process.send_signal(signal.SIGINT)
        until(lambda: "ignores top" in words(tmp_path / "journal"), "the stop has begun")
        process.send_signal(signal.SIGTERM)  # says nothing new
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=15)
        assert (process.returncode, output) == (0, "stopped\n")
    assert all_gone(marks)


def test_a_second_start_is_refused_with_pid_address_and_remedy(tmp_path: Path) -> None:
    with program(tmp_path) as process:
        running = find_running(tmp_path)
        assert running
        with pytest.raises(AlreadyRunning) as refused:
            stack_of(tmp_path, Plan(())).start()
        assert str(refused.value) == (
            f"Overnight already runs on {tmp_path} (pid {process.pid}, {running.base_url}): "
            f"use it, stop it with 'kill {process.pid}', or set OVERNIGHT_DATA_DIR to another directory"
        )
        assert (refused.value.pid, refused.value.base_url) == (process.pid, running.base_url)
        assert find_running(tmp_path) == running, "the first was not disturbed"
        process.kill()
        process.wait(timeout=10)
        assert find_running(tmp_path) is None


def test_a_running_stack_is_found_until_it_is_gone(tmp_path: Path) -> None:
    assert find_running(tmp_path) is None
    with stack_of(tmp_path, replace(plan_of_test(tmp_path, "plain"), simulated=True)) as stack:
        running = find_running(tmp_path)
        assert running
        assert (running.pid, running.base_url, running.simulated) == (os.getpid(), stack.plan.base_url, True)
    assert find_running(tmp_path) is None


def test_one_that_is_still_starting_is_waited_for(tmp_path: Path) -> None:
    with StackLock(tmp_path), ThreadPoolExecutor(1) as elsewhere:
        assert find_running(tmp_path) is None
        found = elsewhere.submit(find_running, tmp_path, patience=10)
        plan = plan_of_test(tmp_path, "plain")
        with Supervisor(plan.children, tmp_path / "logs", patience=FAST):
            record = Record(this_process(), "2026-01-01T00:00:00+00:00", plan.base_url)
            replace(record, supervisor=Mark("supervisor", os.getppid(), 0)).write(tmp_path)
            assert find_running(tmp_path) is None, "that record is from a stack before this one"
            record.write(tmp_path)
            assert found.result(timeout=15)


def test_looking_for_a_stack_does_not_keep_one_from_starting(tmp_path: Path) -> None:
    look = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(look, fcntl.LOCK_SH)
    threading.Timer(0.1, os.close, [look]).start()
    with StackLock(tmp_path):
        assert holder(tmp_path) == os.getpid()


def test_children_do_not_hold_the_lock(tmp_path: Path) -> None:
    with program(tmp_path) as process:
        guardian_of(process).kill()
        process.kill()
        process.wait(timeout=10)
        assert not all_gone(children(tmp_path))
        with StackLock(tmp_path):
            pass


def test_children_drain_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    with program(tmp_path) as process:
        marks, guardian = children(tmp_path), guardian_of(process)
        process.kill()
        process.wait(timeout=10)
        until(lambda: all_gone(marks), "the guardian has ended them")
        until(lambda: not guardian.is_running() or guardian.status() == psutil.STATUS_ZOMBIE, "it is gone as well")
    assert sorted(words(tmp_path / "journal")[3:]) == ["end base", "end middle", "end top"]


def test_the_next_start_ends_what_was_left_and_nobody_else(tmp_path: Path) -> None:
    with program(tmp_path) as process:
        guardian_of(process).kill()
        process.kill()
        process.wait(timeout=10)
        innocent, *others = children(tmp_path)
        assert not all_gone((innocent,))
        assert not all_gone(tuple(others))
        recycle_pid_of(innocent, tmp_path)
        with stack_of(tmp_path, plan_of_test(tmp_path, "plain")):
            assert all_gone(tuple(others))
            assert innocent.process(), "its pid is recorded, but with another time of creation"
            assert not {mark.pid for mark in (innocent, *others)} & {mark.pid for mark in children(tmp_path)}


def recycle_pid_of(innocent: Mark, data_dir: Path) -> None:
    """As if the process were none of the stack's, and had been given the pid of one that ended."""
    record = Record.read(data_dir)
    assert record
    recorded = [replace(m, create_time=m.create_time - 60) if m == innocent else m for m in record.children]
    record.with_children(recorded).write(data_dir)


def test_a_guardian_leaves_a_newer_stack_alone(tmp_path: Path) -> None:
    with program(tmp_path) as process:
        guardian = guardian_of(process)
        guardian.suspend()
        process.kill()
        process.wait(timeout=10)
        with program(tmp_path):
            guardian.resume()
            until(lambda: not guardian.is_running() or guardian.status() == psutil.STATUS_ZOMBIE, "it has looked")
            assert find_running(tmp_path)
            assert all(mark.process() for mark in children(tmp_path))


def test_the_record_follows_restarts(tmp_path: Path) -> None:
    with stack_of(tmp_path, plan_of_test(tmp_path, "plain")):
        before = children(tmp_path)
        os.kill(next(mark.pid for mark in before if mark.name == "top"), signal.SIGKILL)
        until(lambda: words(tmp_path / "journal").count("begin top") == 2, "it runs again")
        until(lambda: len(set(children(tmp_path)) - set(before)) == 1, "the new process is recorded")


def test_what_it_writes_is_its_owners_alone(tmp_path: Path) -> None:
    data_dir = tmp_path / "new" / "data"
    with stack_of(data_dir, plan_of_test(data_dir, "plain")):
        modes = {name: stat.S_IMODE((data_dir / name).stat().st_mode) for name in ("", "logs", "stack.json", "lock")}
    assert modes == {"": 0o700, "logs": 0o700, "stack.json": 0o600, "lock": 0o600}


def test_a_failed_start_leaves_nothing_and_can_be_repeated(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    before = psutil.Process().children()  # servers of other tests
    broken = Plan((stays("beat", journal), python("migrate", "raise SystemExit('no such table')", once=True)))
    with pytest.raises(StartFailed, match="no such table"):
        stack_of(tmp_path, broken).start()
    assert Record.read(tmp_path) is None
    assert holder(tmp_path) is None
    assert psutil.Process().children() == before
    with stack_of(tmp_path, Plan((stays("beat", journal),))) as stack:
        assert stack.failure is None


def test_a_caller_can_add_readiness_checks(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    plan = Plan((stays("worker1", journal),))
    with stack_of(tmp_path, plan, also_ready={"worker1": lambda: words(journal) == ["begin worker1"]}):
        assert words(journal) == ["begin worker1"]


def test_a_directory_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DirectoryUnusable, match=r"^cannot use the data directory .*set OVERNIGHT_DATA_DIR to another$"):
        stack_of(tmp_path / "file", Plan(())).start()
