"""Which touch led to the booking? The last one at or before the conversion, marked once and for all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, insert, select, text, update

from store import tenants
from store.scope import tenant_scope
from store.tables import Leads, Touches

START = datetime(2026, 3, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


@pytest.fixture
def tenant(engine: Engine) -> UUID:
    return tenants.create(engine, f"tenant {uuid4()}").id


def lead(engine: Engine, tenant: UUID, touched: list[float], converted: datetime | None = None) -> UUID:
    """A lead with touches on these days; touch ids ascend in the order of the list."""
    identity = uuid4()
    with tenant_scope(engine, tenant) as connection:
        for number, at in enumerate(touched):
            touch = UUID(int=identity.int >> 8 << 8 | number)
            values = {"tenant_id": tenant, "id": touch, "lead_id": identity, "channel": "email", "occurred_at": day(at)}
            connection.execute(insert(Touches).values(values))
        values = {"tenant_id": tenant, "id": identity, "created_at": START, "status": "contacted"}
        connection.execute(insert(Leads).values(**values, converted_at=converted))
    return identity


def convert(engine: Engine, tenant: UUID, identity: UUID, at: datetime | None) -> None:
    with tenant_scope(engine, tenant) as connection:
        connection.execute(update(Leads).where(Leads.id == identity).values(converted_at=at))


def marked(engine: Engine, tenant: UUID, identity: UUID) -> list[int]:
    """Which touches, by their place in the list, led to the booking."""
    found = select(Touches.id).where(Touches.lead_id == identity, Touches.led_to_booking)
    with tenant_scope(engine, tenant) as connection:
        return [touch.int & 255 for touch in connection.scalars(found)]


@pytest.mark.parametrize(
    ("touched", "converted", "which"),
    [
        ([1, 3, 5], 4, [1]),
        ([1, 3, 5], 3, [1]),  # at the moment of a touch
        ([5, 1, 3], 9, [0]),  # time counts, not the order of rows
        ([1, 3, 3], 4, [2]),  # ties by id
        ([5], 4, []),  # only touched afterwards
        ([], 4, []),
    ],
)
def test_the_last_touch_at_or_before_conversion(
    engine: Engine, tenant: UUID, touched: list[float], converted: float, which: list[int]
) -> None:
    later = lead(engine, tenant, touched)
    assert marked(engine, tenant, later) == []
    convert(engine, tenant, later, day(converted))
    assert marked(engine, tenant, later) == which
    at_once = lead(engine, tenant, touched, converted=day(converted))
    assert marked(engine, tenant, at_once) == which


def test_a_second_conversion_never_marks_again(engine: Engine, tenant: UUID) -> None:
    identity = lead(engine, tenant, [1, 3, 5])
    for at in (day(2), day(6), None, day(6)):
        convert(engine, tenant, identity, at)
        assert marked(engine, tenant, identity) == [0]


def test_of_conversions_at_once_one_marks(engine: Engine, tenant: UUID) -> None:
    for _ in range(5):
        identity, together = lead(engine, tenant, [1, 3, 5, 7]), Barrier(4, timeout=30)

        def run(at: datetime, identity: UUID = identity, together: Barrier = together) -> None:
            with tenant_scope(engine, tenant) as connection:
                together.wait()
                connection.execute(update(Leads).where(Leads.id == identity).values(converted_at=at))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(run, [day(2), day(4), day(6), day(8)]))
        assert len(marked(engine, tenant, identity)) == 1


def test_another_tenants_lead_of_the_same_id_is_none_of_it(engine: Engine, tenant: UUID) -> None:
    identity = lead(engine, tenant, [1])
    other = tenants.create(engine, f"tenant {uuid4()}").id
    with tenant_scope(engine, other) as connection:
        values = {"tenant_id": other, "id": identity, "created_at": START, "status": "new", "converted_at": day(9)}
        connection.execute(insert(Leads).values(values))
    assert marked(engine, tenant, identity) == []


def test_changes_are_stamped_with_time_and_transaction(engine: Engine, tenant: UUID) -> None:
    identity = lead(engine, tenant, [1])
    stamp = text("SELECT updated_at, row_xid::text::bigint FROM leads WHERE id = :id")
    with tenant_scope(engine, tenant) as connection:
        before = connection.execute(stamp, {"id": identity}).one()
    convert(engine, tenant, identity, None)
    with tenant_scope(engine, tenant) as connection:
        after = connection.execute(stamp, {"id": identity}).one()
    assert after[0] > before[0]
    assert after[1] > before[1]
