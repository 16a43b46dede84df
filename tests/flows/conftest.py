"""A small agency in a real store, learned from through a real Prefect server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import Engine

from reports.records import ReportInput
from settings import Settings
from simulation.config import WorldConfig
from simulation.world import World, simulate
from store import database, loading
from tests.servers import Server

AS_OF = datetime(2026, 3, 1, 2, tzinfo=UTC)

EASY = WorldConfig(
    tenants=4,
    leads=8_000,
    newcomers=1,
    newcomer_leads=60,
    base_rate=0.25,
    slope=10.0,
    weight_centre=(0.05, 0.05, 0.05, 0.8, 0.05),  # far from the defaults: two planted tenants publish at any seed
    weight_concentration=40.0,
    no_signal_share=0.34,  # one tenant of the three that are no newcomers
    incumbent_share=0.0,
    touches_per_lead=3.0,
    touches_most=6,
)


@dataclass(frozen=True)
class Agency:
    """A loaded world. learn: run the flow as a user would."""

    world: World
    engine: Engine
    settings: Settings
    learn: Callable[..., ReportInput]

    def of_kind(self, kind: str, *, newcomer: bool = False) -> list[str]:
        """Names of the tenants of one kind, largest first."""
        tenants = [t for t in self.world.truth.tenants if t.kind == kind and t.newcomer is newcomer]
        return [t.name for t in sorted(tenants, key=lambda t: -t.leads)]

    def id_of(self, name: str) -> bytes:
        found: bytes = self.world.tenants.filter(pl.col("name") == name)["tenant_id"][0]
        return found


@pytest.fixture
def agency(server: Server, prefect_server: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agency]:
    """The easy world in a database of its own; nothing learned yet."""
    from cli import running

    settings = server.migrated_settings()
    engine = database.open_store(settings)
    world = simulate(EASY, seed=2, as_of=AS_OF)
    _load(engine, world)
    assert settings.database_url is not None
    monkeypatch.setenv("LEARNBACK_HOME", str(settings.home))
    monkeypatch.setenv("LEARNBACK_DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("LEARNBACK_GROUPS", "2")

    def learn(*, tenants: tuple[str, ...] = (), as_of: datetime | None = AS_OF, dry_run: bool = False) -> ReportInput:
        return running.run_flow(tenants=tenants, as_of=as_of, dry_run=dry_run)

    yield Agency(world, engine, settings, learn)
    engine.dispose()


def _load(engine: Engine, world: World) -> None:
    loading.load_tenants(engine, world.tenants)
    loading.load_leads(engine, world.leads)
    loading.load_touches(engine, world.touches)


@pytest.fixture
def later(agency: Agency) -> pl.DataFrame:
    """Leads that come in after AS_OF, all converted: what a run as of AS_OF may not see."""
    after = AS_OF + timedelta(days=1)
    return agency.world.leads.head(500).with_columns(
        lead_id=pl.col("lead_id").bin.slice(0, 12) + pl.lit(b"next"),
        created_at=pl.lit(after),
        converted_at=pl.lit(after + timedelta(hours=1)),
        components_at=pl.lit(after),
        status=pl.lit("converted"),
        timing=pl.lit(0.0),
    )
