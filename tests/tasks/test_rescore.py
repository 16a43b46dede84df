"""Rescoring: the weights in force, on components as the source gave them, or else by the documented rules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

import polars as pl
import pytest
from sqlalchemy import Engine, text

from contracts.outcomes import COMPONENTS, DEFAULT_WEIGHTS
from store import loading, tenants
from store.scope import tenant_scope
from store.tenants import Tenant
from tasks.rescore import Rescored, rescore

GIVEN = {"data_quality": 0.1, "authority": 0.9, "company_fit": 0.4, "timing": 0.2, "risk": 1.0}
CHIEF = {
    "title": "Chief Executive", "industry": "Retail", "employee_count": 120, "country": "DE",
    "source": "referral", "email": "ada@corp.example", "phone": "+49 1", "company": "Corp",
}  # fmt: skip
BY_RULE = {"data_quality": 1.0, "authority": 1.0, "company_fit": 1.0, "timing": 0.9, "risk": 1.0}
"""What docs/who.md says of such a lead."""


def lead(tenant: Tenant, **values: object) -> dict[str, object]:
    columns = dict.fromkeys((*COMPONENTS, *CHIEF))
    born = datetime(2026, 1, 1, tzinfo=UTC)
    return {
        "tenant_id": tenant.id.bytes, "lead_id": uuid4().bytes, "created_at": born, "status": "new", **columns, **values
    }  # fmt: skip


def points(components: Mapping[str, float]) -> float:
    """The score, written out."""
    return 100 * sum(weight * components[name] for name, weight in zip(COMPONENTS, DEFAULT_WEIGHTS, strict=True))


@pytest.fixture
def tenant(engine: Engine) -> Tenant:
    return tenants.create(engine, f"Tenant {uuid4()}")


def scored(engine: Engine, tenant: Tenant, *leads: dict[str, object]) -> tuple[Rescored, list[float | None]]:
    """What rescoring says, and the scores that the store then holds, in the order of the leads."""
    loading.load_leads(engine, pl.DataFrame(leads, infer_schema_length=None))
    (said,) = rescore(engine, [tenant])
    with tenant_scope(engine, tenant.id) as connection:
        held = {row.id.bytes: row.als_score for row in connection.execute(text("SELECT id, als_score FROM leads"))}
    return said, [held[row["lead_id"]] for row in leads]


def test_components_of_the_source_are_used_as_they_are(engine: Engine, tenant: Tenant) -> None:
    said, held = scored(engine, tenant, lead(tenant, **CHIEF, **GIVEN))
    assert held == [pytest.approx(points(GIVEN))]
    assert (said.leads, said.unscored, said.version) == (1, 0, 0)


def test_a_lead_without_components_is_scored_by_the_rules(engine: Engine, tenant: Tenant) -> None:
    said, held = scored(engine, tenant, lead(tenant, **CHIEF), lead(tenant, **CHIEF, timing=0.0), lead(tenant))
    assert held[:2] == [pytest.approx(points(BY_RULE)), pytest.approx(points({**BY_RULE, "timing": 0.0}))]
    assert held[2] is not None
    assert 0 < held[2] < points(BY_RULE)  # nothing is known of it
    assert said.leads == 3


def test_a_component_outside_its_range_leaves_its_lead_unscored(engine: Engine, tenant: Tenant) -> None:
    said, held = scored(engine, tenant, lead(tenant, **GIVEN), lead(tenant, **{**GIVEN, "timing": 1.5}))
    assert held == [pytest.approx(points(GIVEN)), None]
    assert (said.leads, said.unscored) == (1, 1)
