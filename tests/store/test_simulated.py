"""A demo's tenants and real ones may share a store; what is learned from simulated people never reaches real ones."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import polars as pl
from sqlalchemy import Engine

from contracts.learning import Prior
from settings import Settings
from store import extract, lake, loading, priors, tenants

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)


def sharing(settings: Settings) -> dict[str, bool]:
    manifest = extract.extract(settings, run_id=uuid4(), as_of=AS_OF, now=AS_OF)
    return dict(lake.scan(manifest, "tenants").select("name", "shares_priors").collect().iter_rows())


def test_simulated_tenants_share_priors_until_a_real_one_comes(settings: Settings, engine: Engine) -> None:
    demo = pl.DataFrame(
        {
            "tenant_id": [uuid4().bytes],
            "name": ["Demo & Daughters"],
            "simulated": [True],
            "shares_priors": [True],
            "horizon_days": [30],
        }
    )
    loading.load_tenants(engine, demo)
    priors.record(engine, Prior("who", {"centre": [1.0]}, AS_OF), run_id=uuid4())
    assert sharing(settings) == {"Demo & Daughters": True}
    assert [prior.content for prior in priors.read(engine, "who").priors] == [{"centre": [1.0]}]

    tenants.create(engine, "Real Ltd", shares_priors=True)
    assert sharing(settings) == {"Demo & Daughters": False, "Real Ltd": True}
    assert priors.read(engine, "who").priors == ()
    priors.record(engine, Prior("who", {"centre": [0.5]}, AS_OF), run_id=uuid4())
    assert [prior.content for prior in priors.read(engine, "who").priors] == [{"centre": [0.5]}]
