"""`doctor` on Claude: whether there is a key and whether it is accepted."""

from collections.abc import Iterator

from overnight.cli.findings import Finding, fail, ok, warn
from overnight.settings import ANTHROPIC_URL, Settings

TIMEOUT = 5.0


def check_claude(settings: Settings) -> Iterator[Finding]:
    if settings.is_simulated:
        yield warn("claude", "no key: a SIMULATOR answers, and what it says is made up", "set ANTHROPIC_API_KEY")
        return
    import anthropic

    url = settings.anthropic_base_url or ANTHROPIC_URL
    key = settings.anthropic_api_key.get_secret_value() if settings.anthropic_api_key else "none"
    try:
        with anthropic.Anthropic(api_key=key, base_url=url, max_retries=0, timeout=TIMEOUT) as client:
            first = next(iter(client.models.list(limit=1).data), None)
    except anthropic.AuthenticationError:
        yield fail("claude", f"{url} refuses the key", "correct ANTHROPIC_API_KEY")
    except anthropic.APIStatusError as error:
        yield warn("claude", f"{url} answers {error.status_code}", "try again; tasks wait and are retried meanwhile")
    except anthropic.APIConnectionError as error:
        told = " ".join(str(error.__cause__ or error).split())
        yield fail(
            "claude", f"{url} cannot be reached ({told})", "check network, proxy and OVERNIGHT_ANTHROPIC_BASE_URL"
        )
    else:
        yield ok("claude", f"{url} accepts the key" + (f" ({first.id}, …)" if first else ""))
