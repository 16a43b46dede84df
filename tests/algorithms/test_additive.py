"""Sums by many keys, fast, are what a group-by and a sort say, slowly."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.additive import added_up, in_order
from contracts.outcomes import CHANNELS

SCHEMA = {
    "tenant": pl.Binary(),
    "word": pl.String(),
    "channel": pl.Enum(CHANNELS),
    "logged": pl.Boolean(),
    "block": pl.Int16(),
    "at": pl.Datetime("us", "UTC"),
    "n": pl.Int64(),
    "s": pl.Int64(),
}
KEYS = [name for name in SCHEMA if name not in ("n", "s")]
ROW = st.tuples(
    st.sampled_from([b"a", b"b", b"\xff"]),
    st.sampled_from(["", "Z", "a", "é", None]),
    st.sampled_from([*CHANNELS[:3], None]),
    st.sampled_from([True, False, None]),
    st.sampled_from([-3, 0, 7, None]),
    st.sampled_from([0, 1, 2**50, None]),
    st.integers(0, 9),
    st.integers(0, 9),
)
PARTS = st.lists(st.lists(ROW, max_size=30).map(lambda rows: pl.DataFrame(rows, SCHEMA, orient="row")), min_size=1)


@settings(max_examples=200, deadline=None)
@given(PARTS)
def test_fast_is_slow(parts: list[pl.DataFrame]) -> None:
    rows = pl.concat(parts)
    slow = rows.group_by(KEYS).agg(pl.col("n", "s").sum()).sort(KEYS)
    assert added_up(parts, KEYS, ("n", "s")).equals(slow)
    assert in_order(rows, KEYS).equals(rows.sort(KEYS, maintain_order=True))
    assert added_up([slow], KEYS, ("n", "s")).schema == slow.schema


def test_many_keys_of_many_values_fit_into_one_number() -> None:
    wide = pl.DataFrame(
        {f"k{place}": pl.int_range(5_000, eager=True).reverse() * 7**place % 65_537 for place in range(9)}
    )
    keys = wide.columns
    rows = wide.with_columns(n=pl.lit(1, pl.Int64))
    assert in_order(rows, keys).equals(rows.sort(keys))
    assert added_up([rows, rows], keys, ("n",)).equals(rows.with_columns(n=pl.lit(2, pl.Int64)).sort(keys))
