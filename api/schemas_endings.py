"""What callers send about how sessions end, and about those that have."""

from typing import Annotated, Any

from pydantic import Field, StrictBool, StrictInt

from api.text import Strict
from overnight.states import OnExpiry, Origin

#: At most ten years; 0: never.
Seconds = Annotated[float, Field(strict=True, ge=0, le=315_360_000, allow_inf_nan=False)]
Length = Annotated[StrictInt, Field(ge=0, le=2**53)]


class Expiry(Strict):
    """Null, or left out: as the agent, the workspace or the server says. Zero switches a limit off."""

    idle_ttl: Annotated[Seconds | None, Field(description="Seconds for which nothing is done in it")] = None
    max_age: Annotated[Seconds | None, Field(description="Seconds since it was created")] = None
    max_messages: Annotated[Length | None, Field(description="Of its ledger")] = None
    max_tokens: Annotated[Length | None, Field(description="That its requests took in all")] = None
    on_expiry: OnExpiry | None = None

    def said(self) -> dict[str, Any] | None:
        return self.model_dump(mode="json", exclude_none=True) or None


class ExpiryChange(Expiry):
    """What is left out stays; null takes back what the workspace said."""

    resume: Annotated[
        Origin | None, Field(description="With what an archived session goes on by itself when a task comes")
    ] = None


class ArchiveRequest(Strict):
    summary: Annotated[
        StrictBool,
        Field(description="Claude summarises it first: it is archived when that is done, and `archiving_since` until"),
    ] = False


class ResumeRequest(Strict):
    origin: Annotated[
        Origin | None, Field(alias="from", description="Of an archived session: with what it goes on")
    ] = None


class ExtendRequest(Strict):
    seconds: Annotated[
        Annotated[float, Field(strict=True, gt=0, le=315_360_000, allow_inf_nan=False)] | None,
        Field(description="No limit ends it before so long from now; left out: as if it had been used now"),
    ] = None
