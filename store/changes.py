"""From what was extracted to slices: a full extraction's rows by period, or the rows that changed put in their places.

A lead lies in the period in which it was created, and its touches with it. Where a lead's date, or a touch's lead,
changes, the rows move; where a lead appears or goes, touches leave or join those without one. A slice is replaced by a
new file, never written to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
import pyarrow as pa

from contracts.defects import EARLIEST
from contracts.outcomes import EXTRACTS
from contracts.periods import FIRST_MONDAY, PERIOD_DAYS, UNDATED
from store import lake
from store.lake import LakeFile, Manifest
from store.partition import Slot, batches_of, write_periods

IDS = {"leads": "lead_id", "touches": "touch_id"}
"""The extracts that increments are made of, and what names a row in each."""

LEAD, TOUCH = ("tenant_id", "lead_id"), ("tenant_id", "touch_id")
NOWHERE = -1
"""Code of the period UNDATED; others are counted from FIRST_MONDAY."""

REMOVALS = pl.Schema({"tenant_id": pl.Binary(), "lead_id": pl.Binary(), "touch_id": pl.Binary()})
"""Rows that are gone from where they were: touches with their lead, and leads, whose touch_id is null."""


def arranged(manifest: Manifest, group: int) -> tuple[LakeFile, ...]:
    """One tenant group of a full extraction, written anew by period."""
    where = _by_lead(lake.scan(manifest, "leads", [group]).select(*LEAD, _code()).collect())
    codes = {
        extract: _placed(lake.scan(manifest, extract, [group]).select(LEAD).collect(), where)
        for extract in ("leads", "touches")
    }
    slot = Slot(manifest.root, group, str(manifest.run_id))
    return tuple(
        file
        for extract, placed in codes.items()
        for file in _written(slot, extract, placed, lake.batches(manifest, extract, group))
    )


def applied(
    before: Collection[LakeFile], changes: Manifest, group: int, removals: pl.DataFrame
) -> tuple[LakeFile, ...]:
    """One tenant group's raw files after the changes: those of before, but for the periods in which a row changed.

    changes: the leads and touches that are new or differ, as they are now. removals: REMOVALS of all tenants.
    """
    gone = removals.filter(_group_of(changes.groups) == group)
    before = tuple(before)
    new = {extract: lake.scan(changes, extract, [group]).collect() for extract in ("leads", "touches")}
    if new["leads"].is_empty() and new["touches"].is_empty() and gone.is_empty():
        return before
    moved = _moves(changes.root, before, new, gone)
    stays = tuple(file for file in before if file.period not in moved.periods)
    replaced = tuple(file for file in before if file.period in moved.periods)
    slot = Slot(changes.root, group, str(changes.run_id))
    for extract, key, outdated in (("leads", LEAD, moved.leads), ("touches", TOUCH, moved.touches)):
        old = _rows(changes.root, replaced, extract)
        kept = old.join(outdated.lazy().unique(), on=key, how="anti", nulls_equal=True).collect()
        rows = pl.concat([kept, new[extract]])
        places = _placed(rows.select(LEAD), moved.where)
        stays += _written(slot, extract, places, batches_of(rows, EXTRACTS[extract]))
    return stays


def repeats_an_id(manifest: Manifest, group: int) -> bool:
    """Whether two touches of a tenant have one id: checks find that only where both lie in one slice."""
    name = pl.col("touch_id").hash() ^ pl.col("tenant_id").hash(seed=1)
    ids = lake.scan(manifest, "touches", [group]).select(id=name)
    distinct, rows = ids.select(pl.col("id").n_unique(), rows=pl.len()).collect(engine="streaming").row(0)
    return bool(distinct < rows)


def counted(root: str, files: Collection[LakeFile], extract: str) -> tuple[int, int]:
    """Rows of these slices, and the sum of the last four bytes of their ids."""
    rows = lake.scan_files(root, extract, [file for file in files if file.extract == extract])
    tail = pl.col(IDS[extract]).bin.tail(4).bin.reinterpret(dtype=pl.UInt32, endianness="big").cast(pl.Int64)
    found = rows.select(pl.len(), ids=tail.sum()).collect(engine="streaming").row(0)
    return int(found[0]), int(found[1])


@dataclass(frozen=True, slots=True)
class _Moves:
    """What changes where. periods: that are written anew. leads, touches: keys of rows that are outdated there.

    where: LEAD and `code`, the period of every lead that there is after the changes.
    """

    periods: frozenset[str]
    leads: pl.DataFrame
    touches: pl.DataFrame
    where: pl.DataFrame


def _moves(root: str, before: Collection[LakeFile], new: dict[str, pl.DataFrame], gone: pl.DataFrame) -> _Moves:
    known = _known(root, before)
    of_touch = pl.col("touch_id").is_not_null()
    leads = pl.concat([gone.filter(~of_touch).select(LEAD), new["leads"].select(LEAD)])
    touches = pl.concat([gone.filter(of_touch).select(TOUCH), new["touches"].select(TOUCH)])
    came = new["leads"].select(*LEAD, _code())
    where = _by_lead(pl.concat([known.join(leads, on=LEAD, how="anti"), came]))
    codes = [
        known.join(leads, on=LEAD, how="semi")["code"],
        where.join(came, on=LEAD, how="semi")["code"],
        pl.Series("code", _placed(new["touches"].select(LEAD), where), pl.Int64),
        pl.Series("code", _placed(gone.filter(of_touch).select(LEAD), known), pl.Int64),
    ]
    if not leads.is_empty():  # touches without a lead may have found theirs, or touches have lost it
        codes.append(pl.Series("code", [NOWHERE], pl.Int64))
    return _Moves(frozenset(map(_label, pl.concat(codes).unique())), leads, touches, where)


def _known(root: str, before: Collection[LakeFile]) -> pl.DataFrame:
    """LEAD and `code` of every lead in these files."""
    frames = [
        _rows(root, [file], "leads").select(*LEAD, code=pl.lit(_code_of(file.period), pl.Int64))
        for file in before
        if file.extract == "leads"
    ]
    empty = pl.DataFrame(schema={"tenant_id": pl.Binary(), "lead_id": pl.Binary(), "code": pl.Int64()})
    return _by_lead(pl.concat([empty, *pl.collect_all(frames)]))


def _rows(root: str, files: Collection[LakeFile], extract: str) -> pl.LazyFrame:
    return lake.scan_files(root, extract, tuple(file for file in files if file.extract == extract))


def _written(slot: Slot, extract: str, codes: np.ndarray, batches: Iterable[pa.RecordBatch]) -> tuple[LakeFile, ...]:
    found, places = np.unique(codes, return_inverse=True)
    periods = [_label(int(code)) for code in found]
    return write_periods(batches, EXTRACTS[extract], places, periods, slot=slot)


def _placed(leads: pl.DataFrame, where: pl.DataFrame) -> np.ndarray:
    """(rows,) the period's code of each of these leads."""
    found = leads.join(where, on=LEAD, how="left", maintain_order="left")
    return found["code"].fill_null(NOWHERE).to_numpy()


def _by_lead(leads: pl.DataFrame) -> pl.DataFrame:
    """One row a lead: where an id repeats, all of its rows lie in the first period that one has."""
    named = leads.filter(pl.col("lead_id").is_not_null() & pl.col("tenant_id").is_not_null())
    if named.select(pl.struct(LEAD).n_unique()).item() == named.height:
        return named
    dated = pl.col("code").filter(pl.col("code") != NOWHERE)
    return named.group_by(LEAD).agg(dated.min().fill_null(NOWHERE))


def _group_of(groups: int) -> pl.Expr:
    """`contracts.runs.group_of` as an expression."""
    tail = pl.col("tenant_id").bin.tail(4)
    return tail.bin.reinterpret(dtype=pl.UInt32, endianness="big").cast(pl.Int64) % groups


def _code() -> pl.Expr:
    created = pl.col("created_at")
    number = (created - FIRST_MONDAY).dt.total_days() // PERIOD_DAYS
    return pl.when(created >= EARLIEST).then(number).otherwise(NOWHERE).cast(pl.Int64).alias("code")


def _code_of(period: str) -> int:
    if period == UNDATED:
        return NOWHERE
    begins = np.datetime64(period, "D") - np.datetime64(FIRST_MONDAY.replace(tzinfo=None), "D")
    return int(begins // np.timedelta64(PERIOD_DAYS, "D"))


def _label(code: int) -> str:
    return UNDATED if code == NOWHERE else f"{FIRST_MONDAY + code * timedelta(days=PERIOD_DAYS):%Y-%m-%d}"
