"""`doctor` on prices: of when they are, and whether the model of the settings has one."""

from collections.abc import Iterator

from overnight import price_list
from overnight.cli.findings import Finding, ok, warn
from overnight.settings import Settings

ADD = "add its price to a file and name that in OVERNIGHT_PRICES"


def check_prices(settings: Settings) -> Iterator[Finding]:
    ours = price_list.read(None)
    theirs = price_list.read(settings.prices) if settings.prices else None
    listed = f"of {ours.as_of}" + (f", and of {theirs.as_of} from {settings.prices}" if theirs else "")
    models = sorted({settings.model, settings.summary_model or settings.model})
    for model in models:
        if (theirs or ours).tiers(model) is None:
            yield warn("prices", f"{listed}; {model} has none, so its cost is not counted", ADD)
            return
    yield ok("prices", listed)
