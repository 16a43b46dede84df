"""Planned touches on their way out: what is due, who takes it, and the activity that it becomes.

    for touch in take_due(engine, tenant, now):       nobody else takes these
        …prepare and send it…
        record_sent(engine, tenant, touch.id, sent_at, content={"template_id": …})

A sender that dies in between leaves its touches taken: they are not sent twice, and `give_back` lets them wait again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, bindparam, text, update

from contracts.allocation import TouchState
from contracts.outcomes import CONTENT_FEATURES
from store import planning_sql as sql
from store.planning import withdraw
from store.scope import tenant_scope
from store.tables import PlannedTouches, Touches

CONTENT = ("template_id", "content_snapshot", *CONTENT_FEATURES)
"""What a sender knows about a touch when it is sent, and a plan does not."""


@dataclass(frozen=True, slots=True)
class DueTouch:
    """One touch to be made now."""

    id: UUID
    lead_id: UUID
    channel: str
    scheduled_at: datetime
    touch_number: int


def take_due(engine: Engine, tenant_id: UUID, now: datetime, limit: int = 100) -> list[DueTouch]:
    """Take what is due, oldest first, at most `limit`.

    Withdrawn instead: touches whose hour has passed, and those of leads who opted out, converted or began to talk.
    """
    with tenant_scope(engine, tenant_id) as connection:
        withdraw(connection, now)
        taken = [DueTouch(*row) for row in connection.execute(sql.TAKE, {"now": now, "limit": limit})]
    return sorted(taken, key=lambda touch: (touch.scheduled_at, touch.id))


def record_sent(
    engine: Engine, tenant_id: UUID, touch_id: UUID, sent_at: datetime, content: Mapping[str, Any] | None = None
) -> bool:
    """Turn a taken touch into an activity with all that its decision logged; False where it was not taken, or is sent.

    content: any of CONTENT; raises TypeError for other names.
    """
    given = dict(content or {})
    if unknown := given.keys() - set(CONTENT):
        raise TypeError(f"a touch has no {', '.join(sorted(unknown))} to record")
    columns = Touches.__table__.columns
    statement = text(
        sql.SENT.format(names="".join(f", {name}" for name in given), values="".join(f", :{name}" for name in given))
    ).bindparams(*(bindparam(name, type_=columns[name].type) for name in given))
    with tenant_scope(engine, tenant_id) as connection:
        written = connection.execute(statement, {"touch": touch_id, "sent_at": sent_at, **given}).rowcount
        if written:
            connection.execute(_settle(touch_id, TouchState.SENT, sent_at))
    return bool(written)


def give_back(engine: Engine, tenant_id: UUID, touch_id: UUID) -> None:
    """Let a taken touch wait again: it certainly did not leave."""
    with tenant_scope(engine, tenant_id) as connection:
        connection.execute(_settle(touch_id, TouchState.WAITING, None).where(PlannedTouches.state == TouchState.TAKEN))


def _settle(touch_id: UUID, state: TouchState, at: datetime | None) -> Any:
    return update(PlannedTouches).where(PlannedTouches.id == touch_id).values(state=state.value, settled_at=at)
