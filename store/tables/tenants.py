"""Whose data it is, what they chose, and the weights in force for them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, Json, No, Now, RandomId


class Tenants(Base):
    """One row a tenant (the specification's client).

    als_learned_weights, als_weights_updated_at, conversion_sample_count: the columns that the conversion specification
    adds to clients. The trigger `follow_who_head` copies them from the head of type `who`, also on rollback, and
    nothing else writes them; null weights mean that the defaults are in force. simulated: made by `learnback demo`;
    what is learned from simulated tenants never reaches real ones.
    """

    __tablename__ = "tenants"

    id: Mapped[RandomId]
    name: Mapped[str] = mapped_column(unique=True)
    simulated: Mapped[No]
    shares_priors: Mapped[No]
    horizon_days: Mapped[int] = mapped_column(server_default=text("30"))
    early_outcome: Mapped[str | None]
    time_zone: Mapped[str | None]
    als_learned_weights: Mapped[Json | None]
    als_weights_updated_at: Mapped[datetime | None]
    conversion_sample_count: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[Now]
