"""Extraction from our own tables by the built-in queries: under row-level security, and blind to what came later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from contracts.outcomes import COMPONENTS, EXTRACTS
from settings import Settings
from store import extract, lake, migrate, source
from store.lake import Manifest
from tests.store.source_database import new_database, rows, superuser

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
NOW = datetime(2026, 7, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ASH, BIRCH = UUID(int=1), UUID(int=2)

INSERT = {
    "tenants": "INSERT INTO learnback.tenants (id, name) VALUES (%s, %s)",
    "lead": "INSERT INTO learnback.leads"
    " (tenant_id, id, created_at, status, converted_at, components_at, als_components)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s)",
    "touch": "INSERT INTO learnback.activities"
    " (tenant_id, id, lead_id, channel, occurred_at, outcome_at, led_to_booking)"
    " VALUES (%s, %s, %s, 'email', %s, %s, %s)",
}


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    """A migrated store of two tenants, each with a lead that converted before as-of and its two touches."""
    settings = Settings(home=tmp_path, database_url=new_database())
    migrate.upgrade(settings)
    write(settings, "tenants", (ASH, "Ash"), (BIRCH, "Birch"))
    for tenant in (ASH, BIRCH):
        lead(settings, tenant, 1, created=AS_OF - 30 * DAY, converted=AS_OF - 5 * DAY)
        touch(settings, tenant, 1, lead=1, at=AS_OF - 20 * DAY, outcome=AS_OF - 19 * DAY)
        touch(settings, tenant, 2, lead=1, at=AS_OF - 10 * DAY, booked=True)
        lead(settings, tenant, 2, created=AS_OF - 10 * DAY)
        touch(settings, tenant, 3, lead=2, at=AS_OF - 2 * DAY)
    return settings


def write(settings: Settings, what: str, *records: tuple[Any, ...]) -> None:
    """As the superuser, past triggers and row-level security: the tests say exactly what the tables hold."""
    assert settings.database_url is not None
    with psycopg.connect(superuser(settings.database_url.get_secret_value()), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.cursor().executemany(INSERT.get(what, what), records)  # type: ignore[arg-type]


def lead(settings: Settings, tenant: UUID, number: int, created: datetime, converted: datetime | None = None) -> None:
    parts = "{" + ", ".join(f'"{name}": 0.{place + 1}' for place, name in enumerate(COMPONENTS)) + "}"
    status = "converted" if converted else "replied"
    write(settings, "lead", (tenant, UUID(int=number), created, status, converted, created, parts))


def touch(
    settings: Settings,
    tenant: UUID,
    number: int,
    lead: int,
    at: datetime,
    outcome: datetime | None = None,
    booked: bool = False,
) -> None:
    write(settings, "touch", (tenant, UUID(int=number), UUID(int=lead), at, outcome, booked))


def extracted(settings: Settings) -> Manifest:
    return extract.extract(settings, run_id=uuid4(), as_of=AS_OF, now=NOW)


def test_the_built_in_queries_fit_the_contract(own: Settings) -> None:
    described = source.verify(own, AS_OF)
    assert [found.faults for found in described.values()] == [[]] * len(EXTRACTS)
    assert {name: set(found.types) for name, found in described.items()} == {
        name: set(declared.names) for name, declared in EXTRACTS.items()
    }


def test_all_tenants_are_read_through_row_level_security(own: Settings) -> None:
    manifest = extracted(own)
    assert manifest.rows() == {"tenants": 2, "leads": 4, "touches": 6}
    first = lake.scan(manifest, "leads").collect().row(0, named=True)
    assert [first[name] for name in COMPONENTS] == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert UUID(bytes=first["tenant_id"]) in (ASH, BIRCH)


def test_nothing_later_than_as_of_changes_what_is_read(own: Settings) -> None:
    before = {name: rows(extracted(own), name) for name in ("tenants", "leads", "touches")}
    later = AS_OF + DAY
    lead(own, ASH, 50, created=later)
    touch(own, ASH, 50, lead=1, at=later)
    touch(own, ASH, 51, lead=50, at=later, booked=True)
    assert {name: rows(extracted(own), name) for name in before} == before


def test_what_happened_later_to_known_leads_is_masked(own: Settings) -> None:
    later = AS_OF + DAY
    write(own, "UPDATE learnback.leads SET converted_at = %s, status = 'converted' WHERE id = %s", (later, UUID(int=2)))
    write(own, "UPDATE learnback.leads SET components_at = %s WHERE id = %s", (later, UUID(int=2)))
    write(own, "UPDATE learnback.activities SET led_to_booking = true WHERE id = %s", (UUID(int=3),))
    write(own, "UPDATE learnback.activities SET outcome_at = %s WHERE id = %s", (later, UUID(int=1)))
    manifest = extracted(own)
    leads = {row["lead_id"]: row for row in lake.scan(manifest, "leads").collect().to_dicts()}
    masked, known = leads[UUID(int=2).bytes], leads[UUID(int=1).bytes]
    assert (masked["converted_at"], masked["status"], masked["scored_at"]) == (None, "contacted", None)
    assert [masked[name] for name in COMPONENTS] == [None] * 5
    assert (known["converted_at"], known["status"]) == (AS_OF - 5 * DAY, "converted")
    touches = {row["touch_id"]: row for row in lake.scan(manifest, "touches").collect().to_dicts()}
    assert [touches[UUID(int=n).bytes]["led_to_booking"] for n in (1, 2, 3)] == [False, True, False]
    assert touches[UUID(int=1).bytes]["outcome_at"] is None


def test_what_is_dated_after_now_comes_through_to_be_counted(own: Settings) -> None:
    impossible = NOW + DAY
    lead(own, ASH, 60, created=impossible)
    touch(own, ASH, 60, lead=1, at=impossible)
    write(own, "UPDATE learnback.leads SET converted_at = %s WHERE id = %s", (impossible, UUID(int=2)))
    manifest = extracted(own)
    assert manifest.rows() == {"tenants": 2, "leads": 5, "touches": 7}
    times = lake.scan(manifest, "leads").collect()["converted_at"].to_list()
    assert times.count(impossible) == 2
