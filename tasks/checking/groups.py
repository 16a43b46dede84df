"""One tenant group checked: counts per tenant, cleaned files where something was wrong, and what was dropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

import polars as pl
import pyarrow as pa

from contracts.defects import (
    BULK_CONVERSIONS,
    BULK_SHARE,
    CATALOGUE,
    DEFECTS,
    SHARE,
    VOLUME_ROWS,
    Treatment,
)
from contracts.errors import ContractError
from contracts.outcomes import EXTRACTS
from contracts.runs import group_of
from store import lake
from store.lake import LakeFile, Manifest
from tasks.checking import rules
from tasks.checking.marks import BLANKING, FLAGS, ROW_ID, TENANT, Marks, mark

LISTED = 100
"""Dropped rows that are shown per defect; all are counted."""

LISTING: dict[str, pl.DataType] = {
    "defect": pl.String(),
    "extract": pl.String(),
    "tenant_id": pl.Binary(),
    "row_id": pl.Binary(),  # lead_id or touch_id
    "lead_id": pl.Binary(),
    "dated": pl.Datetime("us", "UTC"),
    "got": pl.String(),  # the columns that show the defect, with their values
}

Volumes = Mapping[UUID, Mapping[str, int]]
"""Rows of the last run, by tenant and extract."""


@dataclass(frozen=True)
class GroupCheck:
    """What the check of one tenant group found.

    quality: one row a tenant: tenant_id, tenant, leads, touches (rows not in the future), a count per defect, a share
    per defect that has one, touches_of_dropped_leads, volume_vs_last_run (null where there was none).
    files: the slices that were rewritten. dropped: rows (or values) by defect. listing: the first of them, as LISTING.
    """

    group: int
    quality: pl.DataFrame
    files: tuple[LakeFile, ...]
    dropped: Mapping[str, int]
    listing: pl.DataFrame


def check_group(manifest: Manifest, group: int, last: Volumes) -> GroupCheck:
    """Count every defect of a tenant group's rows, and rewrite its files without the rows that must go.

    A file in which nothing is wrong stays as it is. Safe to run again.
    """
    tenants = read_tenants(manifest)
    marks = mark(manifest, group, tenants.select(TENANT).to_series())
    own = tenants.filter(_group(tenants, manifest.groups) == group)
    rewritten = [_rewritten(manifest, group, extract, getattr(marks, extract)) for extract in ROW_ID]
    return GroupCheck(
        group,
        _quality(own, marks, manifest, last),
        tuple(file for file, _ in rewritten if file),
        _dropped(marks),
        pl.concat([listing for _, listing in rewritten]),
    )


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


def _dropped(marks: Marks) -> dict[str, int]:
    """Rows by defect, over all tenants, known or not."""
    frames = [(extract, getattr(marks, extract)) for extract in ROW_ID]
    counts = [
        frame.select(pl.col(code).sum() for code in FLAGS[extract]).row(0, named=True) for extract, frame in frames
    ]
    merged = {defect.code: sum(int(count.get(defect.code, 0)) for count in counts) for defect in DEFECTS}
    return {code: rows for code, rows in merged.items() if rows}


def _quality(tenants: pl.DataFrame, marks: Marks, manifest: Manifest, last: Volumes) -> pl.DataFrame:
    known = tenants.select("tenant_id", tenant="name", key=TENANT)
    leads = _counts(marks.leads, "leads")
    touches = _counts(marks.touches, "touches", touches_of_dropped_leads=pl.col("with_lead").sum())
    table = (
        known.join(leads, on="key", how="left")
        .join(touches, on="key", how="left")
        .join(_bulk_stamped(marks.leads, manifest), on="key", how="left")
        .drop("key")
        .with_columns(pl.exclude("tenant_id", "tenant").fill_null(0).cast(pl.Int64))
        .with_columns(_shares())
    )
    return table.with_columns(_volume(table, last)).sort("tenant_id")


def _counts(rows: pl.DataFrame, extract: str, **more: pl.Expr) -> pl.DataFrame:
    codes = [code for code in FLAGS[extract] if code != "tenant_unknown"]
    return rows.group_by(key="tenant").agg(
        pl.col("counted").sum().alias(extract), *(pl.col(code).sum() for code in codes), **more
    )


def _shares() -> list[pl.Expr]:
    return [
        pl.when(pl.col(d.extract) > 0).then(pl.col(d.code) / pl.col(d.extract)).otherwise(0.0).alias(d.code + SHARE)
        for d in DEFECTS
        if d.treatment is Treatment.DROP_UP_TO
    ]


def _bulk_stamped(leads: pl.DataFrame, manifest: Manifest) -> pl.DataFrame:
    """Conversions that share the commonest instant, where they are many and most."""
    converted = leads.filter(
        pl.col("counted") & ~pl.col("dropped") & ~pl.col("synthetic") & (pl.col("converted_at") <= manifest.now)
    )
    at_once = converted.group_by("tenant", "converted_at").agg(n=pl.len())
    commonest = at_once.group_by(key="tenant").agg(n=pl.col("n").max(), all=pl.col("n").sum())
    return commonest.filter((pl.col("n") >= BULK_CONVERSIONS) & (pl.col("n") > BULK_SHARE * pl.col("all"))).select(
        "key", conversions_bulk_stamped="n"
    )


def _volume(table: pl.DataFrame, last: Volumes) -> pl.Series:
    """The smaller of the extracts' rows relative to the last run's; null where that had too few to tell."""
    ratios = []
    for row in table.select("tenant_id", *ROW_ID).iter_rows(named=True):
        before = last.get(UUID(bytes=row["tenant_id"]), {})
        known = [row[name] / before[name] for name in ROW_ID if before.get(name, 0) >= VOLUME_ROWS]
        ratios.append(min(known, default=None))
    return pl.Series("volume_vs_last_run", ratios, dtype=pl.Float64)


def _rewritten(
    manifest: Manifest, group: int, extract: str, rows: pl.DataFrame
) -> tuple[LakeFile | None, pl.DataFrame]:
    """The slice without its defective rows and values; None where there were none."""
    repairs = _repairs(extract, rows)
    if not rows["dropped"].any() and not any(mask.any() for _, mask, _ in repairs):
        return None, pl.DataFrame(schema=LISTING)
    listed: list[pl.DataFrame] = []
    shown = _first_of_each(extract, rows)

    def cleaned() -> Iterator[pa.RecordBatch]:
        begin = 0
        for batch in lake.batches(manifest, extract, group):
            part = slice(begin, begin + batch.num_rows)
            frame = pl.DataFrame(pl.from_arrow(batch))
            listed.extend(_listing(frame, extract, code, positions, begin) for code, positions in shown.items())
            frame = frame.with_columns(
                pl.when(mask[part]).then(value).otherwise(pl.col(column)).alias(column)
                for column, mask, value in repairs
            )
            yield from batches(frame.filter(~rows["dropped"][part]), extract)
            begin += batch.num_rows

    file = lake.rewrite(manifest, extract, group, "clean", cleaned())
    return file, pl.concat([pl.DataFrame(schema=LISTING), *listed])


def _repairs(extract: str, rows: pl.DataFrame) -> list[tuple[str, pl.Series, pl.Expr]]:
    """(column, rows, what stands there instead) for values that are wrong in rows that stay."""
    found = [
        (column, rows[code], pl.lit(None))
        for code in FLAGS[extract]
        if code in BLANKING
        for column in CATALOGUE[code].blanks
    ]
    if extract == "leads":  # a conversion in the future has not happened: the status may not tell of it either
        status = pl.when(pl.col("status") == "converted").then(pl.lit("contacted")).otherwise(pl.col("status"))
        found.append(("status", rows["converted_in_future"], status))
    else:
        found.append(("led_to_booking", rows["unbooked"], pl.lit(False)))
    return [repair for repair in found if repair[1].any()]


def _first_of_each(extract: str, rows: pl.DataFrame) -> dict[str, pl.Series]:
    """Positions of the first rows with each defect."""
    found = {code: rows[code].arg_true().head(LISTED) for code in FLAGS[extract]}
    return {code: positions for code, positions in found.items() if len(positions)}


def _listing(frame: pl.DataFrame, extract: str, code: str, positions: pl.Series, begin: int) -> pl.DataFrame:
    here = positions.filter((positions >= begin) & (positions < begin + frame.height)) - begin
    shown = [pl.format(f"{name}={{}}", pl.col(name).cast(pl.String).fill_null("null")) for name in rules.LOOKS_AT[code]]
    return frame[here].select(
        defect=pl.lit(code),
        extract=pl.lit(extract),
        tenant_id="tenant_id",
        row_id=ROW_ID[extract],
        lead_id="lead_id",
        dated=EXTRACTS[extract].dated_by,
        got=pl.concat_str(shown, separator=", ") if shown else pl.lit(""),
    )


def batches(frame: pl.DataFrame, extract: str) -> list[pa.RecordBatch]:
    """Back to the lake's Arrow types."""
    schema = lake.arrow_schema(EXTRACTS[extract])
    made: list[pa.RecordBatch] = frame.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(schema).to_batches()
    return made
