"""For the vendor's pytest: each test finds the seeds as they were, and what came of it is written down."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

DATABASE, SEEDS, REPORT = (os.environ[name] for name in ("VENDOR_DATABASE", "VENDOR_SEEDS", "VENDOR_REPORT"))
outcomes: dict[str, str] = {}


def pytest_runtest_setup(item) -> None:  # type: ignore[no-untyped-def]
    with closing(sqlite3.connect(DATABASE, timeout=60, isolation_level=None)) as database:
        database.execute("ATTACH ? AS seeds", (SEEDS,))
        tables = "SELECT name FROM seeds.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        database.execute("BEGIN IMMEDIATE")
        for (table,) in database.execute(tables).fetchall():
            database.execute(f'DELETE FROM main."{table}"')
            database.execute(f'INSERT INTO main."{table}" SELECT * FROM seeds."{table}"')
        if item.path.name == "test_environments.py":  # one that has sessions is not deleted
            for table in ("sessions", "work"):
                database.execute(f'DELETE FROM main."{table}"')
        database.execute("COMMIT")


def pytest_runtest_logreport(report) -> None:  # type: ignore[no-untyped-def]
    if report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        outcomes[report.nodeid] = str(crash.message if crash else report.longrepr)[:400]
    elif report.when == "call":
        outcomes.setdefault(report.nodeid, report.outcome)


def pytest_sessionfinish() -> None:
    Path(REPORT).write_text(json.dumps(outcomes))
