"""One tenant group checked: the quality table of its tenants, cleaned files, and what was dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import polars as pl

from contracts.defects import BULK_CONVERSIONS, BULK_SHARE, DEFECTS, SHARE, VOLUME_ROWS, Treatment
from contracts.errors import ContractError
from contracts.runs import group_of
from store import lake
from store.increments import Part
from store.lake import LakeFile, Manifest
from tasks.checking import parts
from tasks.checking.marks import ROW_ID
from tasks.checking.rows import LISTING, Piece

Volumes = Mapping[UUID, Mapping[str, int]]
"""Rows of the last run, by tenant and extract."""


@dataclass(frozen=True)
class GroupCheck:
    """What the check of one tenant group found.

    quality: one row a tenant: tenant_id, tenant, leads, touches (rows not in the future), a count per defect, a share
    per defect that has one, touches_of_dropped_leads, volume_vs_last_run (null where there was none).
    files: the slices that were rewritten. dropped: rows (or values) by defect. listing: the first of them, as LISTING.
    parts: what a later run need not check again.
    """

    group: int
    quality: pl.DataFrame
    files: tuple[LakeFile, ...]
    dropped: Mapping[str, int]
    listing: pl.DataFrame
    parts: tuple[Part, ...] = ()


def check_group(manifest: Manifest, group: int, last: Volumes) -> GroupCheck:
    """Count every defect of a tenant group's rows, and rewrite its files without the rows that must go.

    A file in which nothing is wrong stays as it is, and what an earlier run counted of the same rows is not counted
    again. Safe to run again.
    """
    tenants = read_tenants(manifest)
    own = tenants.filter(_group(tenants, manifest.groups) == group)
    found = parts.checked(manifest, group, tenants, own)
    files = _clean(manifest, group, found)
    return GroupCheck(
        group,
        _quality(own, [piece.tally for piece in found], manifest.with_files(files), group, last),
        files,
        _dropped(found),
        pl.concat([pl.DataFrame(schema=LISTING), *(piece.listing for piece in found)]),
        tuple(piece.part for piece in found if piece.part),
    )


def _clean(manifest: Manifest, group: int, found: Sequence[Piece]) -> tuple[LakeFile, ...]:
    """The slices that differ from what was extracted; of an extract all, where one does."""
    files = [file for piece in found for file in piece.files]
    before = {extract: set(manifest.of(extract, (group,))) for extract in ROW_ID}
    after = {extract: {file for file in files if file.extract == extract} for extract in ROW_ID}
    return tuple(file for file in files if before[file.extract] != after[file.extract])


def _dropped(found: Sequence[Piece]) -> dict[str, int]:
    """Rows by defect, over all tenants, known or not."""
    merged = {defect.code: sum(piece.dropped.get(defect.code, 0) for piece in found) for defect in DEFECTS}
    return {code: rows for code, rows in merged.items() if rows}


def read_tenants(manifest: Manifest) -> pl.DataFrame:
    """All tenants of the extract, by id; raises ContractError where it does not say who they are."""
    tenants = lake.scan(manifest, "tenants").sort("tenant_id").collect()
    for fault, rows in (
        ("no tenant_id", tenants["tenant_id"].is_null()),
        ("one tenant_id more than once", tenants["tenant_id"].is_duplicated() & tenants["tenant_id"].is_not_null()),
        ("no horizon_days of 1 or more", ~(tenants["horizon_days"] >= 1).fill_null(False)),
        ("no shares_priors", tenants["shares_priors"].is_null()),
        ("no name", tenants["name"].is_null()),
        ("one name more than once", tenants["name"].is_duplicated() & tenants["name"].is_not_null()),
    ):
        if rows.any():
            raise ContractError(
                f"tenants.sql returns {fault} in {rows.sum()} of {tenants.height} rows",
                do="Correct that query: who a tenant is decides about everything else",
            )
    return tenants


def _group(tenants: pl.DataFrame, groups: int) -> pl.Series:
    return pl.Series([group_of(UUID(bytes=i), groups) for i in tenants["tenant_id"]], dtype=pl.Int64)


def _quality(
    own: pl.DataFrame, tallies: Sequence[pl.DataFrame], clean: Manifest, group: int, last: Volumes
) -> pl.DataFrame:
    known = own.select("tenant_id", tenant="name")
    counted = pl.concat(tallies).group_by("tenant_id").sum()
    table = (
        known.join(counted, on="tenant_id", how="left")
        .join(_bulk_stamped(clean, group), on="tenant_id", how="left")
        .with_columns(pl.exclude("tenant_id", "tenant").fill_null(0).cast(pl.Int64))
        .with_columns(_shares())
    )
    return table.with_columns(_volume(table, last)).sort("tenant_id")


def _shares() -> list[pl.Expr]:
    return [
        pl.when(pl.col(d.extract) > 0).then(pl.col(d.code) / pl.col(d.extract)).otherwise(0.0).alias(d.code + SHARE)
        for d in DEFECTS
        if d.treatment is Treatment.DROP_UP_TO
    ]


def _bulk_stamped(clean: Manifest, group: int) -> pl.DataFrame:
    """Conversions that share the commonest instant, where they are many and most."""
    at_once = (
        lake.scan(clean, "leads", [group])
        .filter(pl.col("converted_at").is_not_null() & ~pl.col("synthetic_time").fill_null(value=False))
        .group_by("tenant_id", "converted_at")
        .agg(n=pl.len())
    )
    commonest = at_once.group_by("tenant_id").agg(n=pl.col("n").max(), all=pl.col("n").sum())
    return (
        commonest.filter((pl.col("n") >= BULK_CONVERSIONS) & (pl.col("n") > BULK_SHARE * pl.col("all")))
        .select("tenant_id", conversions_bulk_stamped="n")
        .collect(engine="streaming")
    )


def _volume(table: pl.DataFrame, last: Volumes) -> pl.Series:
    """The smaller of the extracts' rows relative to the last run's; null where that had too few to tell."""
    ratios = []
    for row in table.select("tenant_id", *ROW_ID).iter_rows(named=True):
        before = last.get(UUID(bytes=row["tenant_id"]), {})
        known = [row[name] / before[name] for name in ROW_ID if before.get(name, 0) >= VOLUME_ROWS]
        ratios.append(min(known, default=None))
    return pl.Series("volume_vs_last_run", ratios, dtype=pl.Float64)
