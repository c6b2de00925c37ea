"""The prices in use: those of `prices.json`, and in their place what a file of the setting `prices` says."""

import re
from datetime import date
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

OURS = Path(__file__).with_name("prices.json")


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Tier(Strict):
    """Dollars per million tokens, for prompts of at most `up_to` tokens."""

    up_to: int | None = Field(default=None, ge=1)
    input: float = Field(ge=0)
    output: float = Field(ge=0)
    write_5m: float = Field(ge=0)
    write_1h: float = Field(ge=0)
    read: float = Field(ge=0)


class PriceList(Strict):
    """A file of prices: of when, from where, and for each model its tiers, the one without `up_to` last."""

    as_of: date
    source: str
    unit: str = ""
    batch: float = Field(default=0.5, ge=0, le=1)
    web_search: float = Field(default=10.0, ge=0)  # dollars per thousand
    models: dict[str, list[Tier]]

    @model_validator(mode="after")
    def check_tiers(self) -> "PriceList":
        for model, tiers in self.models.items():
            bounds = [tier.up_to for tier in tiers]
            if not bounds or bounds[-1] is not None or None in bounds[:-1]:
                raise ValueError(f"{model}: every tier but the last needs up_to, and the last has none")
        return self

    def tiers(self, model: str) -> list[Tier] | None:
        return self.models.get(model) or self.models.get(re.sub(r"-\d{8}$", "", model))


class _InUse:
    file: Path | None = None


def use(file: Path | None) -> None:
    """From now on this process counts with the prices of `file`, and ours for what it does not name."""
    _InUse.file = file


def current() -> PriceList:
    return read(_InUse.file)


@lru_cache(maxsize=4)
def read(file: Path | None) -> PriceList:
    """None: ours alone. Raises `ValueError` that says what is wrong with the file."""
    ours = PriceList.model_validate_json(OURS.read_bytes())
    if file is None:
        return ours
    try:
        theirs = PriceList.model_validate_json(file.read_bytes())
    except OSError as error:
        raise ValueError(f"cannot read {file}: {error.strerror}") from None
    except ValidationError as wrong:
        first = wrong.errors()[0]
        where = ".".join(str(step) for step in first["loc"]) or "the file"
        raise ValueError(f"{file}: {where}: {first['msg']}") from None
    return theirs.model_copy(update={"models": {**ours.models, **theirs.models}})
