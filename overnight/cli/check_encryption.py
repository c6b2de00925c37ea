"""`doctor` on encryption: whether contents are encrypted, and whether every key that they need is there."""

from collections.abc import Iterator

from overnight.cli.exits import CliError
from overnight.cli.findings import Finding, fail, ok, warn
from overnight.cli.local import is_missing, open_database
from overnight.crypto.masters import SETTING
from overnight.settings import Settings

RESTORE = f"add what is missing to {SETTING}; if it is lost for good, 'overnight keys forget-encryption KEY_ID'"


def check_encryption(settings: Settings) -> Iterator[Finding]:
    masters = settings.master_keys
    try:
        lacking = _lacking(settings)
    except CliError:
        return  # which the check of the database tells
    if lacking:
        yield fail("encryption", f"contents are encrypted with keys that are not set: {', '.join(lacking)}", RESTORE)
    elif masters:
        yield ok("encryption", f"contents are written with key {masters[0].id}")
    else:
        yield ok("encryption", f"off: contents are stored as they are ({SETTING} is empty)")
    if older := ", ".join(master.id for master in masters[1:]):
        yield warn(
            "encryption keys", f"older ones are set: {older}", "'overnight keys rotate-encryption', then drop them"
        )


def _lacking(settings: Settings) -> list[str]:
    if is_missing(settings):
        return []
    with open_database(settings, masters=settings.master_keys) as database:
        return database.vault.lacking()
