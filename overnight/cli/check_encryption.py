"""`doctor` on encryption: whether contents are encrypted, and whether every key that they need is there."""

from collections.abc import Iterator

from overnight.cli.findings import Finding, fail, ok, warn
from overnight.cli.local import is_missing, open_database
from overnight.crypto.masters import SETTING
from overnight.settings import Settings
from overnight.store import schema

RESTORE = f"add what is missing to {SETTING}; if it is lost for good, 'overnight keys forget-encryption KEY_ID'"


def check_encryption(settings: Settings) -> Iterator[Finding]:
    masters = settings.master_keys
    if not is_missing(settings):
        with open_database(settings, masters=masters) as database:
            with database.read() as connection:
                if schema.version(connection) != schema.newest():
                    return  # which the check of the database tells
            if lacking := database.vault.lacking():
                yield fail(
                    "encryption", f"contents are encrypted with keys that are not set: {', '.join(lacking)}", RESTORE
                )
                return
    if not masters:
        yield ok("encryption", f"off: contents are stored as they are ({SETTING} is empty)")
        return
    yield ok("encryption", f"contents are written with key {masters[0].id}")
    if len(masters) > 1:
        older = ", ".join(master.id for master in masters[1:])
        yield warn(
            "encryption keys", f"older ones are set: {older}", "'overnight keys rotate-encryption', then drop them"
        )
