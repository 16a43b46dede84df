"""Every row of a tenant group with its defects: the one pass over the data.

Rows are recognised by 64-bit hashes of their ids, which costs a third of comparing 16 bytes; that a touch meets the
wrong one of a million leads among ten million touches has a probability below one in a million. A repeated id is
confirmed on the ids themselves before any row is dropped for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from contracts.defects import DEFECTS
from contracts.outcomes import EXTRACTS
from store import lake
from store.lake import Manifest
from tasks.checking import rules

ROW_ID = {"leads": "lead_id", "touches": "touch_id"}
FUTURE = {"leads": "created_in_future", "touches": "occurred_in_future"}

BLANKING = frozenset(defect.code for defect in DEFECTS if defect.blanks)
"""The row stays, and the values that are wrong go."""

OF_TENANTS = frozenset({"conversions_bulk_stamped", "volume_collapsed"})
"""Seen in a tenant's counts, not in a row."""

FLAGS = {
    extract: tuple(d.code for d in DEFECTS if d.extract in (extract, "all") and d.code not in OF_TENANTS)
    for extract in ROW_ID
}
"""Defects that a row of the extract can have: the Boolean columns of its marks."""

TENANT = pl.col("tenant_id").hash(seed=1)


@dataclass(frozen=True)
class Marks:
    """One row per row of the slice, in the order in which the lake reads it.

    Both: tenant (hash), counted (enters the tenant's counts), dropped, and FLAGS.
    leads: also id (hash), created_at, converted_at, synthetic. touches: also with_lead (its lead was dropped, and it
    with it) and unbooked (its lead's conversion lies in the future, so that it led to none).
    """

    leads: pl.DataFrame
    touches: pl.DataFrame


def mark(everything: Manifest, manifest: Manifest, group: int, known: pl.Series) -> Marks:
    """Mark a tenant group's leads and touches, or some slices of it.

    everything: all leads, among which a touch's may be another tenant's. known: hashes (TENANT) of the tenants that
    there are.
    """
    leads = _leads(manifest, group, known)
    return Marks(leads, _touches(everything, manifest, group, known, leads))


def _leads(manifest: Manifest, group: int, known: pl.Series) -> pl.DataFrame:
    local = rules.of_leads(manifest.now)
    rows = _read(
        manifest, "leads", group, known, local, "created_at", "converted_at", synthetic=_true("synthetic_time")
    )
    return _concluded(rows, "leads")


def _touches(
    everything: Manifest, manifest: Manifest, group: int, known: pl.Series, leads: pl.DataFrame
) -> pl.DataFrame:
    rows = _read(
        manifest,
        "touches",
        group,
        known,
        rules.of_touches(),
        "occurred_at",
        lead=pl.col("lead_id").hash() ^ TENANT,
        booked=_true("led_to_booking"),
        leadless=pl.col("lead_id").is_null(),
    )
    rows = rows.join(_by_id(leads), on="lead", how="left", maintain_order="left")
    lost = pl.col("counted") & (pl.col("lead_dropped").is_null() | pl.col("leadless"))
    foreign = _of_other_tenants(everything, rows.filter(lost & ~pl.col("leadless")))
    elsewhere = (pl.col("lead") ^ pl.col("tenant")).is_in(foreign.implode())
    judged = pl.col("counted") & ~pl.col("lead_dropped").fill_null(True)
    converted = pl.col("converted_at")
    rows = rows.with_columns(
        touch_of_other_tenant=lost & ~pl.col("leadless") & elsewhere,
        touch_without_lead=lost & (pl.col("leadless") | ~elsewhere),
        touch_before_lead=judged & ~pl.col("occurred_at_unusable") & pl.col("occurred_at").lt(pl.col("created_at")),
        booking_contradicted=judged
        & pl.col("booked")
        & (converted.is_null() | (pl.col("occurred_at") > converted)).fill_null(False),
        unbooked=judged & pl.col("booked") & (converted > manifest.now).fill_null(False),
        with_lead=pl.col("counted") & pl.col("lead_dropped").fill_null(False),
    )
    return _concluded(rows, "touches", "with_lead")


def _read(
    manifest: Manifest,
    extract: str,
    group: int,
    known: pl.Series,
    local: Iterable[rules.Rule],
    *columns: str,
    **more: pl.Expr,
) -> pl.DataFrame:
    """The slice's rows with what each shows by itself; the future and unknown tenants count for nothing else."""
    local = tuple(local)
    unknown = ~TENANT.is_in(known.implode())
    rows = (
        lake.scan(manifest, extract, [group])
        .select(
            *columns,
            *(rule.holds for rule in local),
            tenant=TENANT,
            id=pl.col(ROW_ID[extract]).hash() ^ TENANT,
            nameless=pl.col(ROW_ID[extract]).is_null(),
            tenant_unknown=unknown | pl.col("tenant_id").is_null(),
            future=rules.future(EXTRACTS[extract].dated_by, manifest.now),
            **more,
        )
        .collect(engine="streaming")
    )
    counted = ~(pl.col("tenant_unknown") | pl.col("future"))
    rows = rows.with_columns(
        (pl.col("future") & ~pl.col("tenant_unknown")).alias(FUTURE[extract]),
        *(pl.col(rule.code) & counted for rule in local),
        counted=counted,
    )
    return rows.with_columns(_not_unique(manifest, extract, group, rows))


def _concluded(rows: pl.DataFrame, extract: str, *also: str) -> pl.DataFrame:
    """With `dropped`: any flag that does not merely blank a value."""
    dropping = [code for code in FLAGS[extract] if code not in BLANKING]
    return rows.with_columns(dropped=pl.any_horizontal(*dropping, *also))


def _by_id(leads: pl.DataFrame) -> pl.DataFrame:
    """One row per lead that a touch may belong to; of two with one id, the one that is not in the future or dropped."""
    return (
        leads.filter(~pl.col("tenant_unknown") & ~pl.col("nameless"))
        .select("created_at", "converted_at", lead="id", lead_dropped="dropped")
        .sort("lead_dropped", maintain_order=True)
        .unique("lead", keep="first")
    )


def _of_other_tenants(manifest: Manifest, lost: pl.DataFrame) -> pl.Series:
    """Of these touches' leads (hashes without tenant), those that the extract has under any tenant."""
    wanted = lost.select(plain=pl.col("lead") ^ pl.col("tenant")).unique()
    if wanted.is_empty():
        return wanted["plain"]
    everywhere = lake.scan(manifest, "leads").select(plain=pl.col("lead_id").hash())
    return wanted.lazy().join(everywhere, on="plain", how="semi").collect(engine="streaming")["plain"]


def _not_unique(manifest: Manifest, extract: str, group: int, rows: pl.DataFrame) -> pl.Series:
    """Rows without an id, and all but one of those that share one within a tenant."""
    name = f"{ROW_ID[extract].removesuffix('_id')}_id_not_unique"
    flags = (rows["nameless"] & rows["counted"]).alias(name)
    named = rows.select(row=pl.int_range(pl.len(), dtype=pl.UInt32), id="id").filter(
        rows["counted"] & ~rows["nameless"]
    )
    if named["id"].n_unique() == named.height:
        return flags
    suspects = named.filter(pl.col("id").is_duplicated())["row"]
    return flags | _extra_copies(manifest, extract, group, suspects, rows.height)


def _extra_copies(manifest: Manifest, extract: str, group: int, suspects: pl.Series, height: int) -> pl.Series:
    """Of rows that look alike, all but the first in an order that their content alone decides."""
    columns = [EXTRACTS[extract].dated_by, *EXTRACTS[extract].names]
    copies = (
        lake.scan(manifest, extract, [group])
        .with_row_index("row")
        .filter(pl.col("row").is_in(suspects.implode()))
        .collect(engine="streaming")
        .sort(*dict.fromkeys(columns), "row")
    )
    extra = copies.filter(~pl.struct("tenant_id", ROW_ID[extract]).is_first_distinct())["row"]
    return pl.int_range(height, dtype=pl.UInt32, eager=True).is_in(extra.implode())


def _true(column: str) -> pl.Expr:
    return pl.col(column).fill_null(False)
