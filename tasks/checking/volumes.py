"""How many rows each tenant had in the run to compare with: what a collapse is measured against."""

from __future__ import annotations

from uuid import UUID

from settings import Settings
from store import ledger
from store.lake import Manifest
from tasks.checking.groups import Volumes
from tasks.checking.marks import ROW_ID
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


def stage_of(extract: str) -> str:
    """The ledger's stage under which a run keeps an extract's rows by tenant."""
    return f"volume/{extract}"
