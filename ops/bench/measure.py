"""One work, done once by one contender: let go, watched to its end, and looked at from all sides."""

import time
from dataclasses import dataclass
from pathlib import Path

from ops.bench.contender import Contender
from ops.bench.ground import Ground
from ops.bench.journal import read_calls
from ops.bench.measured import Measured, Observed, summarise
from ops.bench.meter import Meter, Usage
from ops.bench.submission import Submission, submission
from ops.bench.verify import violations
from ops.bench.work import Work
from ops.simulator.running import RunningSimulator

LOOK = 0.1
PATIENCE = 60.0  # seconds without any turn coming to an end: what is not done then is lost


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a contender is measured: on what ground, against which Claude, with how many slots."""

    ground: Ground
    claude: RunningSimulator
    journal: Path
    slots: int


def measure(scene: Scene, contender: Contender, work: Work) -> Measured:
    """Raises BenchError when the work cannot be handed over."""
    scene.claude.settle(latency=work.latency)
    scene.ground.settle()
    with submission(work, contender.door) as handing_over:
        processes = {**contender.processes, "submitter": [handing_over.process.pid]}
        wanted = contender.settled() + work.total
        meter = Meter(processes, aside=[scene.claude.process.pid])
        handing_over.begin()
        _watch(contender, handing_over, meter, wanted)
        usage = meter.read()
    observed = _observe(scene, contender, work, handing_over, usage)
    wrong = violations(work, observed.ledgers, observed.calls)
    return summarise(work, contender.name, observed, work.ideal(scene.slots), wrong)


def _watch(contender: Contender, handing_over: Submission, meter: Meter, wanted: int) -> None:
    """Returns when every turn has come to an end, or none does any more."""
    settled, progress = 0, time.monotonic()
    while not handing_over.is_over() or settled < wanted:
        meter.look()
        time.sleep(LOOK)
        before, settled = settled, contender.settled() if handing_over.is_over() else 0
        if settled != before or not handing_over.is_over():
            progress = time.monotonic()
        if time.monotonic() - progress > PATIENCE:
            return


def _observe(scene: Scene, contender: Contender, work: Work, handing_over: Submission, usage: Usage) -> Observed:
    ends = time.monotonic() + PATIENCE
    while scene.claude.stats()["in_flight"] and time.monotonic() < ends:
        time.sleep(LOOK)
    calls = read_calls(scene.journal, work)
    return Observed(handing_over.handovers, calls, contender.ledgers(), usage)
