"""What may be spent at most: of a session as Managed Agents says it, of all else in our own words."""

from typing import Annotated, Literal

from pydantic import Field, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from api.paging import ListQuery
from api.text import Name, Strict
from overnight import money
from overnight.ceilings import Ceiling
from overnight.periods import Period
from overnight.pricing import NANO

#: Whole cents, up to ten million dollars.
Cents = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8}$", description="Whole cents, as text: 2500 is 25 dollars")]
Dollars = Annotated[float, Field(strict=True, ge=0.000_001, le=10_000_000, allow_inf_nan=False)]
MaxTokens = Annotated[StrictInt, Field(ge=1, le=10**15, description="Of input, cached or not, and output together")]


class Amount(Strict):
    amount: Cents
    currency: Literal["USD"]


class Budget(Strict):
    """One limit or both."""

    type: Literal["limit"]
    max_list_cost: Amount | None = None
    max_tokens: MaxTokens | None = None

    @model_validator(mode="after")
    def limits_something(self) -> "Budget":
        if self.max_list_cost is None and self.max_tokens is None:
            raise PydanticCustomError("no_limit", "needs max_list_cost, max_tokens or both")
        return self

    @property
    def ceiling(self) -> Ceiling:
        cost = self.max_list_cost
        return Ceiling(None if cost is None else money.nanousd(cost.amount), self.max_tokens)


class OwnBudget(Strict):
    """One limit or both."""

    max_usd: Dollars | None = None
    max_tokens: MaxTokens | None = None

    @model_validator(mode="after")
    def limits_something(self) -> "OwnBudget":
        if self.max_usd is None and self.max_tokens is None:
            raise PydanticCustomError("no_limit", "needs max_usd, max_tokens or both")
        return self

    @property
    def ceiling(self) -> Ceiling:
        return Ceiling(_nano(self.max_usd), self.max_tokens)


class BudgetRequest(OwnBudget):
    """Without `user_id`: of the whole workspace. Days and months are those of UTC."""

    user_id: Name | None = None
    period: Period = Period.TOTAL


class BudgetChange(Strict):
    """What is left out stays as it is; null removes that limit, of which one must stay."""

    max_usd: Dollars | None = None
    max_tokens: MaxTokens | None = None

    def changed(self, before: Ceiling) -> Ceiling:
        """Without limits where none is left."""
        sent = self.model_fields_set
        return Ceiling(
            _nano(self.max_usd) if "max_usd" in sent else before.nanousd,
            self.max_tokens if "max_tokens" in sent else before.tokens,
        )


class BudgetList(ListQuery):
    user_id: Name | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20


def _nano(dollars: float | None) -> int | None:
    return None if dollars is None else round(dollars * NANO)
