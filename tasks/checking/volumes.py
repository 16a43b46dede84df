"""How many rows each tenant had in the run to compare with: what a collapse is measured against."""

from __future__ import annotations

from uuid import UUID

from contracts.defects import VOLUME_FLOOR
from settings import Settings
from store import ledger
from store.lake import Manifest
from tasks.checking.groups import Volumes
from tasks.checking.marks import ROW_ID
from tasks.checking.verdict import CheckResult
from tasks.connections import store


def last_volumes(settings: Settings, manifest: Manifest) -> Volumes:
    """Rows by tenant and extract of the newest finished run that is no later as of.

    Dry runs and `learnback check` leave none behind, so that looking at a collapse twice does not make it normal.
    """
    found: dict[UUID, dict[str, int]] = {}
    for extract in ROW_ID:
        rows = ledger.last_rows(store(settings), stage_of(extract), as_of=manifest.as_of, before=manifest.run_id)
        for tenant, count in rows.items():
            found.setdefault(tenant, {})[extract] = count
    return found


def to_remember(result: CheckResult, last: Volumes, extract: str) -> dict[UUID, int]:
    """Rows by tenant that the next run is compared with.

    A tenant that was quarantined for its volume keeps the count from before it collapsed, until its rows are back, or
    until somebody accepts the loss by lowering `volume_vs_last_run` in the suite of expectations for one run.
    """
    left_out = {quarantined.tenant_id for quarantined in result.quarantined}
    counts = {}
    for row in result.quality.iter_rows(named=True):
        tenant, ratio = UUID(bytes=row["tenant_id"]), row["volume_vs_last_run"]
        collapsed = tenant in left_out and ratio is not None and ratio < VOLUME_FLOOR
        counts[tenant] = last.get(tenant, {}).get(extract, row[extract]) if collapsed else row[extract]
    return counts


def stage_of(extract: str) -> str:
    """The ledger's stage under which a run keeps an extract's rows by tenant."""
    return f"volume/{extract}"
