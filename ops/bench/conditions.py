"""Under which conditions is measured, and how that is said on the command line."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from ops.bench.work import WORKS, Work


@dataclass(frozen=True, slots=True)
class Conditions:
    works: tuple[Work, ...]
    runs: int = 3
    scale: float = 1.0
    workers: int = 2
    slots: int = 200  # of all workers
    direct: bool = False  # submit through the store instead of the API

    def __str__(self) -> str:
        parts = [
            f"medians of {self.runs} runs (least-most)" if self.runs > 1 else "one run",
            f"{self.workers} workers, {self.slots} slots",
            "submitted through the store (--direct)" if self.direct else "submitted over HTTP",
            f"{os.cpu_count()} CPUs",
        ]
        return "; ".join(parts)


def read_arguments(arguments: list[str]) -> tuple[Conditions, Path | None]:
    """What to measure, and where to write all figures. Exits with a line that names a bad option."""
    parser = argparse.ArgumentParser(
        "overnight bench",
        description="Measure Overnight against a bare asyncio script.",
        epilog="What else is measured, each with a --help of its own: --governor (more work than Claude's limits "
        "allow), --context (what long conversations cost), --expiry (idle sessions that end), --long (one of 10,000 "
        "messages).",
    )
    parser.add_argument("--only", type=_works, default=list(WORKS), metavar="w1,w2,w3", help="only these workloads")
    parser.add_argument("--runs", type=_at_least_one, default=3, help="times each is measured (default: 3)")
    parser.add_argument("--scale", type=_share, default=1.0, help="share of the sessions, such as 0.1 for a quick try")
    parser.add_argument("--workers", type=_at_least_one, default=2, help="worker processes (default: 2)")
    parser.add_argument("--slots", type=_at_least_one, default=200, help="turns at a time, of all (default: 200)")
    parser.add_argument("--direct", action="store_true", help="submit through the store instead of the API")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write all figures of all runs here")
    asked = parser.parse_args(arguments)
    if asked.slots < asked.workers:
        parser.error("argument --slots: must be at least as many as --workers")
    works = tuple(WORKS[name].scaled(asked.scale) for name in asked.only)
    conditions = Conditions(works, asked.runs, asked.scale, asked.workers, asked.slots, asked.direct)
    return conditions, asked.json and asked.json.resolve()


def _works(names: str) -> list[str]:
    chosen = names.lower().split(",")
    if unknown := [name for name in chosen if name not in WORKS]:
        raise argparse.ArgumentTypeError(f"no workload {unknown[0]!r}; there are {', '.join(WORKS)}")
    return list(dict.fromkeys(chosen))


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number from 1")
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 10:
        raise argparse.ArgumentTypeError("must be a number above 0 and at most 10")
    return share
