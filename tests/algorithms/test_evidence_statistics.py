"""Counts to statistics: against the hypergeometric distribution itself, and against joining by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import multivariate_hypergeom

from algorithms.evidence import EvidenceConfig, LevelCounts, Statistics, gather, score_statistics
from algorithms.evidence.coarsen import MANY_ROWS, joined, segments

Ints = NDArray[np.int64]

UNJOINED = EvidenceConfig(block_outcomes=0, stratum_rows=0)


def some_counts(
    rng: np.random.Generator, blocks: int = 4, strata: int = 5, levels: int = 3, most: int = 30, rate: float = 0.3
) -> LevelCounts:
    n = rng.integers(0, most, size=(blocks, strata, levels))
    return LevelCounts(tuple("abcdefghij"[:levels]), n, rng.binomial(n, rate))


def one(counts: LevelCounts, config: EvidenceConfig = UNJOINED) -> Statistics:
    return gather([counts], config)[0]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(1, 6))
def test_statistics_are_those_of_drawing_outcomes_by_lot(seed: int, levels: int, most: int) -> None:
    """U is what was seen minus the mean, V the covariance, of s outcomes spread over a stratum's touches at random."""
    counts = some_counts(np.random.default_rng(seed), blocks=1, levels=levels, most=4 * most)
    u, v = score_statistics(counts.n[0], counts.s[0])
    expected_u, expected_v = np.zeros(levels), np.zeros((levels, levels))
    for n, s in zip(counts.n[0], counts.s[0], strict=True):
        if n.sum() > 1:
            lots = multivariate_hypergeom(m=n, n=int(s.sum()))
            expected_u += s - lots.mean()
            expected_v += lots.cov()
    np.testing.assert_allclose(u, expected_u, atol=1e-9)
    np.testing.assert_allclose(v, expected_v, atol=1e-9)


def by_hand(amounts: list[int], groups: list[int], at_least: int) -> list[int]:
    """Segments, the obvious way: collect until full; what is left over joins the segment before it in its group."""
    found: list[list[int]] = []
    for group in dict.fromkeys(groups):
        own: list[list[int]] = [[]]
        for item in (i for i, g in enumerate(groups) if g == group):
            own[-1].append(item)
            if sum(amounts[i] for i in own[-1]) >= at_least:
                own.append([])
        left_over = own.pop()
        if own:
            own[-1] += left_over
        else:
            own = [left_over]
        found += own
    ids = {item: index for index, segment in enumerate(found) for item in segment}
    return [ids[i] for i in range(len(amounts))]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), min_size=1, max_size=12),
    st.integers(1, 40),
)
def test_neighbours_join_as_by_hand(items: list[tuple[int, int]], at_least: int) -> None:
    amounts, groups = [a for a, _ in items], sorted(g for _, g in items)
    ids = segments(np.array(amounts)[:, None], at_least, groups)
    assert ids.tolist() == by_hand(amounts, groups, at_least)
    counts = np.arange(2 * len(items)).reshape(len(items), 2)
    summed = joined(counts, ids)
    for segment in range(len(summed)):
        assert summed[segment].tolist() == counts[ids == segment].sum(axis=0).tolist()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 20), st.integers(1, 2), st.integers(1, 40))
def test_many_rows_join_abreast_as_each_does_alone(seed: int, length: int, dimensions: int, at_least: int) -> None:
    rng = np.random.default_rng(seed)
    amounts = rng.integers(0, 15, size=(2 * MANY_ROWS, length, dimensions))
    groups = sorted(rng.integers(0, 4, size=length).tolist())
    alone = [segments(row, at_least, groups).tolist() for row in amounts]
    assert segments(amounts, at_least, groups).tolist() == alone


def test_groups_of_strata_are_never_joined() -> None:
    n = np.full((1, 4, 2), 3)
    s = np.array([[[1, 2], [0, 1], [3, 1], [1, 0]]])
    config = EvidenceConfig(block_outcomes=0, stratum_rows=1_000)
    within = one(LevelCounts(("a", "b"), n, s, strata_groups=(0, 0, 1, 1)), config)
    across = one(LevelCounts(("a", "b"), n, s), config)
    halves = [one(LevelCounts(("a", "b"), n[:, part], s[:, part]), config) for part in (slice(2), slice(2, 4))]
    np.testing.assert_allclose(within.u, halves[0].u + halves[1].u)
    assert (within.strata, across.strata) == (2, 1)
    with pytest.raises(ValueError, match="3 groups for 4 strata"):
        one(LevelCounts(("a", "b"), n, s, strata_groups=(0, 0, 1)), config)


def test_blocks_are_joined_until_each_holds_both_outcomes() -> None:
    n = np.full((5, 1, 2), 20)
    s = np.array([[[6, 6]], [[3, 3]], [[1, 1]], [[5, 5]], [[2, 2]]])
    found = one(LevelCounts(("a", "b"), n, s), EvidenceConfig())
    assert found.u.shape == (2, 2), "12, then 6 + 2 + 10 = 18 with the 4 left over"
    rare_failures = one(LevelCounts(("a", "b"), n, n - s), EvidenceConfig())
    assert rare_failures.u.shape == (2, 2), "non-conversions count as much as conversions"
    np.testing.assert_allclose(rare_failures.v, found.v)


def test_retained_is_what_strata_leave() -> None:
    n = np.array([[[10, 10], [20, 0], [10, 10]]])
    s = np.array([[[5, 4], [7, 0], [0, 0]]])
    config = EvidenceConfig(block_outcomes=0, stratum_rows=0)
    found = one(LevelCounts(("a", "b"), n, s), config)
    assert found.strata == 1, "one level alone, or one outcome alone, compares nothing"
    _, unstratified = score_statistics(n.sum(axis=1, keepdims=True), s.sum(axis=1, keepdims=True))
    assert found.retained == pytest.approx(np.trace(found.v[0]) / np.trace(unstratified[0]))
    assert 0.2 < found.retained < 0.7


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 3, 7]))
def test_counts_of_any_split_give_the_same_bytes(seed: int, shards: int) -> None:
    rng = np.random.default_rng(seed)
    whole = some_counts(rng, strata=8)
    touches = np.repeat(np.arange(whole.n.size), whole.n.ravel())
    hits = np.concatenate([np.arange(n) < s for n, s in zip(whole.n.ravel(), whole.s.ravel(), strict=True)])
    shard = rng.integers(0, shards, len(touches))
    parts = [
        (
            np.bincount(touches[shard == k], minlength=whole.n.size),
            np.bincount(touches[shard == k], weights=hits[shard == k], minlength=whole.n.size).astype(np.int64),
        )
        for k in range(shards)
    ]
    n, s = (np.sum([part[i] for part in parts], axis=0).reshape(whole.n.shape) for i in range(2))
    split, together = (one(counts, EvidenceConfig()) for counts in (LevelCounts(whole.keys, n, s), whole))
    assert split.u.tobytes() == together.u.tobytes()
    assert split.v.tobytes() == together.v.tobytes()


def test_a_pattern_has_the_same_bytes_alone_and_in_a_crowd() -> None:
    rng = np.random.default_rng(2)
    crowd = [some_counts(rng, blocks=8, strata=11, levels=1 + index % 5 + 1) for index in range(60)]
    together = gather(crowd, EvidenceConfig())
    for counts, among in zip(crowd[::7], together[::7], strict=True):
        alone = one(counts, EvidenceConfig())
        assert alone.u.tobytes() == among.u.tobytes()
        assert alone.v.tobytes() == among.v.tobytes()
        assert (alone.strata, alone.retained) == (among.strata, among.retained)


def test_counts_must_fit_their_keys() -> None:
    with pytest.raises(ValueError, match="for 2 levels"):
        LevelCounts(("a", "b"), np.zeros((1, 1, 3), np.int64), np.zeros((1, 1, 3), np.int64))
