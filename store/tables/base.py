"""What every table shares: the schema, names of constraints, how Python types become columns, who owns a row."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import Double, FetchedValue, ForeignKey, MetaData, Text, func, text
from sqlalchemy import Uuid as UuidType
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

SCHEMA = "learnback"
"""Our own schema, so that a user's database may keep its own `leads` and `activities`."""


class FullTransactionId(UserDefinedType[int]):
    """PostgreSQL's `xid8`: 64-bit transaction numbers that never wrap, for watermarks that lose no row."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "xid8"


Json = dict[str, Any]
Floats = list[float]
Now = Annotated[datetime, mapped_column(server_default=func.now())]
RandomId = Annotated[UUID, mapped_column(primary_key=True, server_default=func.gen_random_uuid())]
TenantId = Annotated[UUID, mapped_column(ForeignKey("learnback.tenants.id"), primary_key=True)]
"""Leads every primary key: a tenant cannot even collide with another's ids."""

No = Annotated[bool, mapped_column(server_default=text("false"))]


class Base(DeclarativeBase):
    metadata = MetaData(
        schema=SCHEMA,
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        },
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it under this name and in this form
        str: Text(),
        float: Double(),
        datetime: TIMESTAMP(timezone=True),
        UUID: UuidType(),
        Json: JSONB(),
        Floats: ARRAY(Double()),
    }


class Changing:
    """Rows that change: when, and in which transaction, kept by the trigger `stamp_change`.

    An incremental extraction reads all rows with `row_xid >= low`, and leaves pg_snapshot_xmin(pg_current_snapshot()),
    the oldest transaction that was still running, for the next one to begin at: a watermark on updated_at would lose a
    row whose transaction commits after a younger one. A lead that is only scored does not change in this sense.
    """

    updated_at: Mapped[Now] = mapped_column(server_onupdate=FetchedValue())
    row_xid: Mapped[int] = mapped_column(
        FullTransactionId(),
        server_default=func.pg_current_xact_id(),
        server_onupdate=FetchedValue(),
        index=True,
    )
