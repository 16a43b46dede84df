"""Check: what may be learned from. Bad rows are dropped and counted; tenants whose data failed are quarantined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE

from contracts.runs import Quarantined, Slice
from store import lake, ledger, loading, quarantine
from store.lake import Manifest
from tasks.checking import groups, verdict, volumes
from tasks.checking.groups import GroupCheck, Volumes
from tasks.checking.marks import ROW_ID
from tasks.checking.verdict import CheckResult
from tasks.connections import store
from tasks.passing import whole
from tasks.run import Run
from tasks.stages import log, stage

ALL_GROUPS = 0
"""Tenant group under which the ledger keeps what was made for all groups at once."""

ENROLLED = ("tenant_id", "name", "horizon_days", "shares_priors", "early_outcome")
"""What the store takes over of a tenant of the user's own source, run after run."""


@dataclass(frozen=True, slots=True)
class Known:
    """A tenant as the extract gives it."""

    name: str
    shares_priors: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """The run's data after its checks: clean files, and which tenants may be learned from.

    passed: tenants of this run that passed. consenting: all tenants that passed and share priors.
    """

    result: CheckResult
    tenants: Mapping[UUID, Known]
    passed: frozenset[UUID]
    consenting: frozenset[UUID]
    quarantined: tuple[Quarantined, ...]

    @property
    def manifest(self) -> Manifest:
        return self.result.manifest

    def scan(self, extract: str, group: int) -> pl.LazyFrame:
        """One tenant group's clean rows."""
        return lake.scan(self.manifest, extract, (group,))


def check(run: Run, manifest: Manifest) -> Checked:
    """Count every defect, drop what may be dropped, and leave out whom the suite of expectations fails."""
    with stage(run, "check", "Checking every tenant's data"):
        last = volumes.last_volumes(run.settings, manifest)
        futures = [check_group.submit(whole(manifest), group, whole(last)) for group in run.groups]
        result = conclude.submit(whole(run), whole(manifest), whole([future.result() for future in futures])).result()
        checked = select(run, result)
        for left_out in checked.quarantined:
            log.warning("%s is quarantined: %s", left_out.tenant, left_out.reason)
        if not run.dry_run:
            _remember(run, checked, last)
        return checked


@task(name="check", task_run_name="check group {group}", cache_policy=NO_CACHE)
def check_group(manifest: Manifest, group: int, last: Volumes) -> GroupCheck:
    """One tenant group: defects by tenant, clean files, the first dropped rows."""
    return groups.check_group(manifest, group, last)


@task(name="validate", task_run_name="validate all tenants", cache_policy=NO_CACHE)
def conclude(run: Run, manifest: Manifest, checks: list[GroupCheck]) -> CheckResult:
    """Great Expectations' verdict on the quality table of all tenants."""
    return verdict.conclude(run.settings, manifest, checks)


def select(run: Run, result: CheckResult) -> Checked:
    """Who of the run's tenants passed, and who was left out."""
    tenants = {
        UUID(bytes=row["tenant_id"]): Known(row["name"], row["shares_priors"])
        for row in groups.read_tenants(result.manifest).iter_rows(named=True)
    }
    asked = frozenset(tenants) if run.only is None else run.only & tenants.keys()
    failed = frozenset(left_out.tenant_id for left_out in result.quarantined)
    return Checked(
        result,
        tenants,
        passed=asked - failed,
        consenting=frozenset(tenant for tenant, known in tenants.items() if known.shares_priors) - failed,
        quarantined=tuple(left_out for left_out in result.quarantined if left_out.tenant_id in asked),
    )


def _remember(run: Run, checked: Checked, last: Volumes) -> None:
    """Open entries for whom this run left out, close those that are mended; earlier patterns stay in force.

    The store must know a tenant before it can hold a pattern of it: a source of the user's own says who there is.
    """
    engine = store(run.settings)
    if run.settings.source_url is not None:
        loading.load_tenants(engine, groups.read_tenants(checked.manifest).select(ENROLLED))
    quarantine.open_entries(engine, checked.quarantined, run_id=run.id)
    looked_at = checked.passed | {left_out.tenant_id for left_out in checked.quarantined}
    quarantine.close_mended(engine, looked_at, checked.quarantined)
    for extract in ROW_ID:
        piece = Slice(volumes.stage_of(extract), ALL_GROUPS)
        rows = volumes.to_remember(checked.result, last, extract)
        ledger.begin(engine, run.id, piece, input_hash="", code_version=run.code_version)
        ledger.finish(engine, run.id, piece, output="", rows=sum(rows.values()), tenant_rows=rows)
