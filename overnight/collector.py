"""The cycle collector, told that what a process loaded at its start stays."""

import gc

#: Requests and turns leave few cycles, and a full collection walks all the objects of the SDK's models.
THRESHOLDS = (50_000, 20, 100)


def settle() -> None:
    """Once, when a long-running process is ready to work: it saves up to a third of its CPU."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
