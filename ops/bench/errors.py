"""What ends a benchmark."""


class BenchError(Exception):
    """It cannot be run here, or fell apart on the way."""
