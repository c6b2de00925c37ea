"""`doctor`: looks at everything that Overnight needs and says what to do about what is not right."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from overnight.cli.exits import CliError, Code
from overnight.cli.options import AsJson, DataDir
from overnight.cli.output import write, write_json

if TYPE_CHECKING:
    from overnight.cli.findings import Finding

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def add_to(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Check settings, database, Redis, clocks, workers, Claude and limits; exit code 3 if anything fails."""
    findings = _collect(_examine(data_dir), as_json=as_json)
    if any(finding.verdict == "fail" for finding in findings):
        raise typer.Exit(Code.UNREACHABLE)


def _examine(data_dir: DataDir) -> "Iterator[Finding]":
    from functools import partial

    from overnight.cli.check_claude import check_claude
    from overnight.cli.check_database import check_database
    from overnight.cli.check_encryption import check_encryption
    from overnight.cli.check_governor import check_governor
    from overnight.cli.check_host import check_open_files, check_versions
    from overnight.cli.check_prices import check_prices
    from overnight.cli.check_redis import check_celery, check_embedded_redis, check_redis
    from overnight.cli.findings import fail, guarded, ok
    from overnight.cli.local import read_settings

    try:
        settings = read_settings(data_dir=data_dir)
    except CliError as error:
        problem, _, remedy = str(error).rpartition("; ")
        yield fail("settings", problem, remedy)
        return
    yield ok("settings", f"read; data in {settings.data_dir.resolve()}")
    checks = {
        "versions": check_versions,
        "database": check_database,
        "encryption": check_encryption,
        "redis": check_redis,
        "embedded redis": check_embedded_redis,
        "celery": check_celery,
        "claude": check_claude,
        "prices": check_prices,
        "limits": check_governor,
        "open files": check_open_files,
    }
    for name, check in checks.items():
        yield from guarded(name, partial(check, settings))


def _collect(findings: "Iterator[Finding]", *, as_json: bool) -> "list[Finding]":
    """Shown one by one as they come, because some take seconds."""
    from dataclasses import asdict

    found = []
    for finding in findings:
        found.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        write_json({"checks": [asdict(finding) for finding in found]})
    return found


def _show(finding: "Finding") -> None:
    verdict = typer.style(finding.verdict.ljust(4), fg=COLOURS[finding.verdict], bold=True)
    write(f"{verdict}  {finding.check.ljust(22)}  {finding.detail}")
    if finding.remedy:
        write(f"{' ' * 30}→ {finding.remedy}")
