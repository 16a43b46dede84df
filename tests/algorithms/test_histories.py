"""What WHO remembers: the same bytes however leads are split, nothing from the future, nothing counted twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.histories import ORDER, SUMMARY, histories, merge_summaries, summarise_leads
from contracts.outcomes import COMPONENTS, DIMENSIONS

AS_OF = datetime(2025, 3, 2, 2, tzinfo=UTC)
TENANTS = [UUID(int=number) for number in (1, 2, 3)]
TIME = pl.Datetime("us", "UTC")
SCHEMA = {
    "tenant_id": pl.Binary,
    "lead_id": pl.Binary,
    "created_at": TIME,
    "status": pl.String,
    "converted_at": TIME,
    "scored_at": TIME,
    **dict.fromkeys(COMPONENTS, pl.Float64),
    "title": pl.String,
    "industry": pl.String,
    "employee_count": pl.Int64,
    "country": pl.String,
    "source": pl.String,
    "email": pl.String,
    "phone": pl.String,
    "company": pl.String,
    "synthetic_time": pl.Boolean,
}


def lead(number: int, *, days: float = 100, tenant: int = 0, after: float | None = None, **more: Any) -> dict[str, Any]:
    """A lead created so many days before AS_OF, converted so many days after that."""
    created = AS_OF - timedelta(days=days)
    given = dict.fromkeys(COMPONENTS, 0.25 + number % 3 / 4)
    return {
        "tenant_id": TENANTS[tenant].bytes,
        "lead_id": UUID(int=number).bytes,
        "created_at": created,
        "status": "contacted",
        "converted_at": None if after is None else created + timedelta(days=after),
        "title": "CFO" if number % 2 else None,
        "employee_count": number,
        **given,
        **more,
    }


def extracts(leads: list[dict[str, Any]], horizon: int = 30) -> dict[str, pl.LazyFrame]:
    tenants = pl.DataFrame(
        {
            "tenant_id": pl.Series([tenant.bytes for tenant in TENANTS[:2]], dtype=pl.Binary),
            "horizon_days": [horizon, horizon],
            "shares_priors": [True, False],
        }
    )
    return {"leads": pl.DataFrame(leads, schema=SCHEMA).lazy(), "tenants": tenants.lazy()}


def summary(leads: list[dict[str, Any]], keep: int = 10_000) -> pl.DataFrame:
    return summarise_leads(extracts(leads), AS_OF, keep)


def kept(frame: pl.DataFrame) -> list[tuple[int, int]]:
    """(lead, outcome) of the leads that are remembered, in order."""
    rows = frame.filter(pl.col("dimension").is_null())
    return [(UUID(bytes=lead_id).int, outcome) for lead_id, outcome in zip(rows["lead_id"], rows["s"], strict=True)]


leads_of_two = st.lists(
    st.tuples(st.integers(0, 1), st.integers(28, 34), st.one_of(st.none(), st.integers(0, 9))), max_size=40
)


@settings(max_examples=60, deadline=None)
@given(leads_of_two, st.data())
def test_any_split_gives_the_same_frame(rows: list[tuple[int, int, int | None]], data: st.DataObject) -> None:
    leads = [lead(n, tenant=t, days=d, after=a) for n, (t, d, a) in enumerate(rows)]
    parts = data.draw(st.lists(st.integers(0, 2), min_size=len(leads), max_size=len(leads)))
    shards = [summary([one for one, part in zip(leads, parts, strict=True) if part == p], keep=5) for p in range(3)]
    whole = summary(leads, keep=5)
    merged = merge_summaries(shards, keep=5)
    assert merged.schema == SUMMARY
    assert merged.equals(whole)
    assert merged.equals(merge_summaries([merge_summaries(shards[:2], keep=5), shards[2]], keep=5))
    assert [h.digest for h in histories(merged)] == [h.digest for h in histories(whole)]
    assert merged.equals(merged.sort(ORDER))


def test_ties_in_time_are_broken_by_id_and_the_newest_stay() -> None:
    leads = [lead(number, days=50) for number in (4, 2, 9, 1)] + [lead(7, days=60)]
    assert kept(summary(leads, keep=3)) == [(2, 0), (4, 0), (9, 0)]


@pytest.mark.parametrize(
    ("given", "remembered"),
    [
        (lead(1, days=100), [(1, 0)]),
        (lead(1, days=100, after=3), [(1, 1)]),
        (lead(1, days=100, after=90), [(1, 1)]),  # late, but known
        (lead(1, days=30), [(1, 0)]),  # the horizon ends at this moment
        (lead(1, days=29), []),  # its cohort is not complete
        (lead(1, days=29, after=3), []),  # nor is that of its conversions
        (lead(1, days=100, after=101), [(1, 0)]),  # converts tomorrow: not known
        (lead(1, days=0, synthetic_time=True), [(1, 0)]),  # no calendar, so resolved
        (lead(1, days=-1, synthetic_time=True), []),
        (lead(1, days=100, tenant=2), []),  # a tenant that was left out
        (lead(1, days=100, authority=1.5), []),
        (lead(1, days=100, authority=float("nan")), []),
    ],
)
def test_which_leads_count(given: dict[str, Any], remembered: list[tuple[int, int]]) -> None:
    assert kept(summary([given])) == remembered


def test_the_future_changes_no_byte() -> None:
    past = [lead(n, days=31 + n, after=n if n % 3 == 0 else None) for n in range(40)]
    future = [lead(100 + n, days=-n) for n in range(5)]
    later = [{**one, "converted_at": one["converted_at"] or AS_OF + timedelta(seconds=1)} for one in past]
    assert summary(later + future).equals(summary(past))


def test_components_scored_after_as_of_are_not_used() -> None:
    given = summary([lead(1)]).filter(pl.col("dimension").is_null())
    late = summary([lead(1, scored_at=AS_OF + timedelta(1))]).filter(pl.col("dimension").is_null())
    absent = summary([lead(1, **dict.fromkeys(COMPONENTS))]).filter(pl.col("dimension").is_null())
    assert late.equals(absent)
    assert not late.equals(given)


def test_levels_are_counted_by_their_normal_form() -> None:
    titles = ["CFO", " cfo ", "", None, "CEO"]
    leads = [lead(n, title=title, after=1 if n < 1 else None, employee_count=n * 300) for n, title in enumerate(titles)]
    rows = summary(leads).filter(pl.col("dimension").is_not_null())
    told = {(row["dimension"], row["level"]): (row["n"], row["s"]) for row in rows.iter_rows(named=True)}
    assert told == {
        ("title", "cfo"): (2, 1),
        ("title", "ceo"): (1, 0),
        ("employee_band", "0–10"): (1, 1),
        ("employee_band", "201–1000"): (3, 0),
        ("employee_band", "1001+"): (1, 0),
    }
    assert set(rows["dimension"]) <= set(DIMENSIONS)


def test_columns_that_a_source_does_not_have_are_unknown() -> None:
    frames = extracts([lead(1)])
    frames["leads"] = frames["leads"].drop("scored_at", "synthetic_time", "email", "title", *COMPONENTS)
    assert kept(summarise_leads(frames, AS_OF, 10)) == [(1, 0)]


def test_nothing_is_a_summary_too() -> None:
    assert summary([]).schema == SUMMARY
    assert list(histories(merge_summaries([], 10))) == []
