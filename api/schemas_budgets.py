"""What a session may cost at most, as Managed Agents says it."""

from typing import Annotated, Literal

from pydantic import Field

from api.text import Strict
from overnight import money

#: Whole cents, up to ten million dollars.
Cents = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8}$", description="Whole cents, as text: 2500 is 25 dollars")]


class Amount(Strict):
    amount: Cents
    currency: Literal["USD"]


class Budget(Strict):
    type: Literal["limit"]
    max_list_cost: Amount

    @property
    def nanousd(self) -> int:
        return money.nanousd(self.max_list_cost.amount)
