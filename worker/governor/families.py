"""Which models share their limits."""

LINES = ("haiku", "sonnet", "opus", "fable", "mythos")


def family_of(model: str) -> str:
    """The line of models that a model's limits are shared with; one of no known line has its own."""
    return next((line for line in LINES if line in model.lower()), model)
