"""Where the rows of each tenant lie in a frame that is ordered by tenant.

Slices of columns cost microseconds; filtering or partitioning a frame tenant by tenant costs milliseconds each.
"""

from __future__ import annotations

import polars as pl


def bounds(rows: pl.DataFrame) -> dict[bytes, slice]:
    """Tenant id → its rows, in order of the frame; raises ValueError where one tenant's rows lie apart."""
    runs = rows["tenant_id"].rle().struct.unnest()
    found: dict[bytes, slice] = {}
    start = 0
    for length, tenant_id in runs.select("len", "value").iter_rows():
        found[tenant_id] = slice(start, start + length)
        start += length
    if len(found) != runs.height:
        raise ValueError(f"got {runs.height} runs of {len(found)} tenants: the frame is not ordered by tenant")
    return found
