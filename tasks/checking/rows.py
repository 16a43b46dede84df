"""Some slices of a tenant group checked: counts by tenant, cleaned files, and what was dropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from contracts.defects import CATALOGUE, DEFECTS
from contracts.outcomes import EXTRACTS
from contracts.periods import ALL_TIME
from store import lake
from store.increments import Part
from store.lake import LakeFile, Manifest
from store.partition import batches_of
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


@dataclass(frozen=True)
class Piece:
    """What the check of some slices found.

    tally: one row per tenant that has rows here, known or not: tenant_id, and counts that add up over pieces. files: of
    leads and touches, as they were where nothing was wrong. dropped: rows by defect. listing: the first of them. part:
    where all of it lies; None in a run that leaves nothing behind.
    """

    tally: pl.DataFrame
    files: tuple[LakeFile, ...]
    dropped: Mapping[str, int]
    listing: pl.DataFrame
    part: Part | None = None


def check_rows(
    everything: Manifest, piece: Manifest, group: int, tenants: pl.DataFrame, label: str = ALL_TIME
) -> Piece:
    """Check the leads and touches of `piece` in one tenant group. everything: where a touch's lead is looked for."""
    marks = mark(everything, piece, group, tenants.select(TENANT).to_series())
    files: list[LakeFile] = []
    listings = []
    for extract in ROW_ID:
        rewritten, listing = _rewritten(piece, group, extract, getattr(marks, extract), label)
        files += [rewritten] if rewritten else piece.of(extract, (group,))
        listings.append(listing)
    return Piece(_tally(piece, group, marks), tuple(files), _dropped(marks), pl.concat(listings))


def _tally(piece: Manifest, group: int, marks: Marks) -> pl.DataFrame:
    ids = [lake.scan(piece, extract, [group]).select("tenant_id").unique() for extract in ROW_ID]
    there = pl.concat(ids).unique().select("tenant_id", key=TENANT).collect()
    leads = _counts(marks.leads, "leads")
    touches = _counts(marks.touches, "touches", touches_of_dropped_leads=pl.col("with_lead").sum())
    counted = there.join(leads, on="key", how="left").join(touches, on="key", how="left")
    return counted.select("tenant_id", pl.exclude("tenant_id", "key").fill_null(0).cast(pl.Int64)).sort("tenant_id")


def _dropped(marks: Marks) -> dict[str, int]:
    """Rows by defect, over all tenants, known or not."""
    frames = [(extract, getattr(marks, extract)) for extract in ROW_ID]
    counts = [
        frame.select(pl.col(code).sum() for code in FLAGS[extract]).row(0, named=True) for extract, frame in frames
    ]
    merged = {defect.code: sum(int(count.get(defect.code, 0)) for count in counts) for defect in DEFECTS}
    return {code: rows for code, rows in merged.items() if rows}


def _counts(rows: pl.DataFrame, extract: str, **more: pl.Expr) -> pl.DataFrame:
    codes = [code for code in FLAGS[extract] if code != "tenant_unknown"]
    return rows.group_by(key="tenant").agg(
        pl.col("counted").sum().alias(extract), *(pl.col(code).sum() for code in codes), **more
    )


def _rewritten(
    manifest: Manifest, group: int, extract: str, rows: pl.DataFrame, label: str
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
            yield from batches_of(frame.filter(~rows["dropped"][part]), EXTRACTS[extract])
            begin += batch.num_rows

    file = lake.rewrite(manifest, extract, group, "clean", cleaned(), label)
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
