"""All that is measured: each contender fresh for every run, warmed up, then one workload after the other."""

import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager

from ops.bench.bare import bare
from ops.bench.conditions import Conditions
from ops.bench.contender import Contender
from ops.bench.ground import Ground, ground
from ops.bench.measure import Scene, measure
from ops.bench.measured import Measured
from ops.bench.ours import overnight
from ops.bench.work import WARM_UP
from ops.simulator.running import running_simulator

DELTAS = "5"


def measure_all(conditions: Conditions) -> list[Measured]:
    """Raises BenchError and StackError."""
    # In a folder without `.env`: what is measured has no settings but those it is given.
    with ground() as place, chdir(place.folder):
        return [measured for run in range(conditions.runs) for measured in _one_run(place, run, conditions)]


def _one_run(place: Ground, run: int, conditions: Conditions) -> Iterator[Measured]:
    # In turns, so that neither always has the quieter time.
    for name in ("overnight", "bare") if run % 2 == 0 else ("bare", "overnight"):
        with _contender(place, name, run, conditions) as (scene, contender):
            measure(scene, contender, WARM_UP)
            for work in conditions.works:
                measured = measure(scene, contender, work)
                _tell(run, measured)
                yield measured


@contextmanager
def _contender(place: Ground, name: str, run: int, conditions: Conditions) -> Iterator[tuple[Scene, Contender]]:
    """One of the two, with a database and a Claude of its own."""
    home = f"{name}_{run}"
    journal = place.folder / f"{home}.jsonl"
    size = (conditions.workers, conditions.slots)
    with running_simulator("--no-record", "--journal", str(journal), "--deltas", DELTAS) as claude:
        scene = Scene(place, claude, journal, conditions.slots)
        if name == "bare":
            with bare(place, home, claude.url, *size) as script:
                yield scene, script
        else:
            with overnight(place, home, claude.url, *size, conditions.direct) as ours:
                yield scene, ours


def _tell(run: int, measured: Measured) -> None:
    load = f"other load {measured.usage.other_load:.2f}"
    wrong = f", WRONG: {dict(measured.violations)}" if measured.violations else ""
    line = f"run {run + 1}, {measured.work.name}, {measured.contender}: {measured.wall:.1f} s, {load}{wrong}"
    print(line, file=sys.stderr, flush=True)
