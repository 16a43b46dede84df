"""Counts of WHEN beside a loop over touches, in any split, and how many cells they are."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from typing import Any

import polars as pl
import pytest

from algorithms import when_counts
from algorithms.when_counts import (
    BEYOND,
    GAP_BANDS,
    HOUR_BANDS,
    NO_ZONE,
    SUMMARY,
    SYNTHETIC,
    merge_summaries,
    summarise_exposures,
)
from algorithms.when_levels import tenants
from contracts.when import GAP_BINS, GAP_EDGES, hour_key
from tests.algorithms.when_frames import drawn, exposures, extracts


def lowest(decile: int, starts: tuple[int, ...]) -> int:
    return -1 if decile < 0 else starts[bisect_right(starts, decile) - 1]


def slow(frame: pl.DataFrame) -> dict[tuple[Any, ...], tuple[int, int]]:
    """Touch by touch, in the words of the module."""
    n: Counter[tuple[Any, ...]] = Counter()
    s: Counter[tuple[Any, ...]] = Counter()

    def count(row: dict[str, Any], question: str, band: int, score: int, level: int) -> None:
        logged = row["propensity"] is not None
        key = (question, row["tenant_id"], row["policy"], logged, row["block"], band, score, level)
        n[key] += 1
        s[key] += row["outcome"]

    for row in frame.iter_rows(named=True):
        logged, first = row["propensity"] is not None, row["step"] == 1
        if row["hour_of_week"] >= 0:
            band = "logged" if logged else "first touch" if first else "later touch"
            starts = tuple(range(10)) if logged else (0, 3, 7)
            score = lowest(row["stratum"], starts)
            count(row, "hours", HOUR_BANDS.index(band), score, row["hour_of_week"])
        else:
            count(row, "left_out", 0, -1, SYNTHETIC if row["synthetic"] else NO_ZONE)
        if row["gap_days"] is not None and not row["synthetic"]:
            band = GAP_BANDS.index(str(row["step"]) if row["step"] < 8 else "8+")
            level = bisect_right(GAP_EDGES, row["gap_days"])
            count(row, "gaps", band, lowest(row["stratum"], (0, 1, 2, 4, 6, 8, 9)), level)
        count(row, "touches", 0, lowest(row["stratum"], (0,)), min(row["step"], 17))
    return {key: (n[key], s[key]) for key in n}


def fast(summary: pl.DataFrame) -> dict[tuple[Any, ...], tuple[int, int]]:
    return {tuple(row[:-2]): row[-2:] for row in summary.drop("shares_priors").iter_rows()}


def test_counts_what_a_loop_counts() -> None:
    frame = drawn(4_000)
    summary = summarise_exposures(extracts(frame))
    assert fast(summary) == slow(frame)
    assert summary.schema == SUMMARY
    assert summary["shares_priors"].all()


@pytest.mark.parametrize("piece", [1, 700, 10**9])
def test_pieces_of_rows_change_nothing(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = drawn(2_000)
    whole = summarise_exposures(extracts(frame))
    monkeypatch.setattr(when_counts, "PIECE", piece)
    assert summarise_exposures(extracts(frame)).equals(whole)


@pytest.mark.parametrize("shards", [1, 3, 7])
def test_any_split_of_the_leads_adds_up_to_the_same_rows(shards: int) -> None:
    frame = drawn(3_000)
    whole = summarise_exposures(extracts(frame))
    everybody = extracts(frame)["tenants"]
    parts = [
        summarise_exposures({"exposures": frame.lazy().filter(pl.col("lead") % shards == shard), "tenants": everybody})
        for shard in range(shards)
    ]
    assert merge_summaries(parts).equals(whole)
    assert merge_summaries(parts[::-1]).equals(whole)


def test_nothing_is_an_empty_summary() -> None:
    empty = summarise_exposures(extracts(drawn(8).clear()))
    assert empty.equals(SUMMARY.to_frame())
    assert merge_summaries([]).equals(empty)
    assert list(tenants(empty)) == []


def test_levels_of_a_tenant_are_its_cells_in_place() -> None:
    frame = drawn(3_000)
    summary = summarise_exposures(extracts(frame))
    for tenant in tenants(summary):
        mine = frame.filter(pl.col("tenant_id") == tenant.tenant_id.bytes)
        known = mine.filter(pl.col("hour_of_week") >= 0)
        assert tenant.hours is not None
        assert tenant.gaps is not None
        assert tenant.hours.keys == tuple(hour_key(hour) for hour in sorted(known["hour_of_week"].unique()))
        assert tenant.gaps.keys == GAP_BINS
        for place, key in enumerate(tenant.hours.keys):
            at = known.filter(pl.col("hour_of_week").map_elements(hour_key, pl.String) == key)
            assert tenant.hours.n[..., place].sum() == at.height
            assert tenant.hours.s[..., place].sum() == at["outcome"].sum()
        for place, block in enumerate(range(300, 308)):
            assert tenant.hours.n[place].sum() == known.filter(pl.col("block") == block).height
        groups = tenant.hours.strata_groups
        assert groups is not None
        logged = pl.col("propensity").is_not_null()
        kinds = known.select("policy", logged=logged, later=~logged & (pl.col("step") > 1))
        assert len(set(groups)) == kinds.n_unique()
        assert list(groups) == sorted(groups), "those of one kind lie side by side"
        assert tenant.n == mine.height
        assert tenant.s == mine["outcome"].sum()
        assert tenant.synthetic == mine["synthetic"].sum()
        assert tenant.synthetic + tenant.no_zone == mine.filter(pl.col("hour_of_week") < 0).height
        steps = [mine.filter(pl.col("step") == step) for step in range(1, BEYOND)]
        assert tenant.touches.tolist() == [[one.height for one in steps], [int(one["outcome"].sum()) for one in steps]]
        assert not tenant.randomised


def test_a_digest_is_of_the_counts_alone() -> None:
    rows = [{"hour_of_week": hour, "policy": policy} for hour in (9, 10) for policy in ("a", "b") for _ in range(3)]
    one = exposures(rows)
    other = exposures([row | {"tenant_id": b"x" * 16} for row in rows])
    moved = exposures([row | {"policy": "c" if row["policy"] == "b" else "a"} for row in rows])
    (first,), (second,), (third,) = (tenants(summarise_exposures(extracts(frame))) for frame in (one, other, moved))
    both = list(tenants(summarise_exposures(extracts(pl.concat([one, other])))))
    assert first.digest == second.digest == both[0].digest == both[1].digest
    assert first.digest != third.digest
