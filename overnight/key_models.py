"""The table of data keys, each wrapped by a master key that only the setting has."""

from datetime import datetime

from sqlmodel import Field, SQLModel


class DataKeyRow(SQLModel, table=True):
    """A key that seals contents; `retired_at`: what it has sealed is to be sealed anew."""

    __tablename__ = "data_keys"

    id: str = Field(primary_key=True)
    master_id: str
    wrapped: str
    retired_at: datetime | None = None
    created_at: datetime
