"""The table of a benchmark, and the same for programs."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from ops.bench.bare import Bare
from ops.bench.conditions import Conditions
from ops.bench.figures import FIGURES, Figure, Spread
from ops.bench.measured import Measured
from ops.bench.ours import Overnight
from ops.bench.work import Work

EXPLAINED = (
    "CPU: all processes with their children, the submitter too, the simulator not. RSS: the highest, without Postgres.",
    "yardstick: CPU that a fixed loop takes; where it takes more, so does all else, and ratios tell more than figures.",
    "other load: the share of this machine's CPU that others took meanwhile; the more of it, the slower all else.",
)


def show(console: Console, measured: Sequence[Measured], conditions: Conditions) -> None:
    for work in dict.fromkeys(run.work for run in measured):
        console.print(_table(work, [run for run in measured if run.work == work], conditions))
    for line in (str(conditions), *EXPLAINED):
        console.print(line, style="dim", highlight=False)
    if conditions.scale != 1:
        console.print(f"Measured at --scale {conditions.scale:g}: the targets are meant for the whole.")


def save(path: Path, measured: Sequence[Measured], conditions: Conditions) -> None:
    told = {"conditions": asdict(conditions), "measured": [run.as_json() for run in measured]}
    path.write_text(json.dumps(told, indent=1) + "\n")


def _table(work: Work, runs: Sequence[Measured], conditions: Conditions) -> Table:
    ours = [run for run in runs if run.contender == Overnight.name]
    bare = [run for run in runs if run.contender == Bare.name]
    table = Table(title=_title(work, conditions), title_justify="left", box=SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    for heading in ("Overnight", "bare script", "ratio", "target"):
        table.add_column(heading, justify="right")
    table.add_column("", no_wrap=True)
    for figure in FIGURES[work.name]:
        if row := _row(figure, ours, bare):
            table.add_row(*row)
    table.add_row("violations", _wrong(ours), _wrong(bare), "", "none", "" if _is_right(ours) else "[red]WRONG ANSWER")
    return table


def _title(work: Work, conditions: Conditions) -> str:
    name = work.name.upper()
    if work.pause:
        return f"{name}: at idle, {work.total} turns one at a time"
    model = (
        f"{work.latency:g} s model latency, ideal {work.ideal(conditions.slots):g} s" if work.latency else "no latency"
    )
    return f"{name}: {work.sessions} sessions x {work.turns} turns, {model}"


def _row(figure: Figure, ours: Sequence[Measured], bare: Sequence[Measured]) -> list[str] | None:
    """None where neither has it."""
    mine, theirs = Spread.of(figure, ours), Spread.of(figure, bare)
    if mine is None and theirs is None:
        return None
    shown = [spread.shown(figure.digits) if spread else "-" for spread in (mine, theirs)]
    comparable = figure.compared and mine and theirs and theirs.middle
    ratio = f"{mine.middle / theirs.middle:.2f}" if comparable and mine and theirs else ""
    return [figure.label, *shown, ratio, str(figure.target or ""), _verdict(figure, mine, ours)]


def _verdict(figure: Figure, mine: Spread | None, ours: Sequence[Measured]) -> str:
    if figure.target is None or mine is None:
        return ""
    if not _is_right(ours):
        return "[red]wrong answer"
    return "[green]reached" if figure.target.is_reached(mine.middle) else "[yellow]not reached"


def _is_right(runs: Sequence[Measured]) -> bool:
    return not any(run.violations for run in runs)


def _wrong(runs: Sequence[Measured]) -> str:
    found = sum((run.violations for run in runs), Counter[str]())
    return ", ".join(f"{name} {count}" for name, count in found.items()) or "none"
