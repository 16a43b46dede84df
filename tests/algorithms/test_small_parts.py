"""Folds, gate, shrinkage, multiple testing, ranks and calibration, each beside the obvious way to do it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import betabinom, norm

from algorithms.calibration import SPREAD, bins, recalibrate
from algorithms.folds import time_forward
from algorithms.gate import judge_folds
from algorithms.multiple_testing import discoveries, score_p_values
from algorithms.ranks import past_rank
from algorithms.shrinkage import KAPPAS, shrink_rates

counts = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 40), st.integers(0, 3)), min_size=1, max_size=20)


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 200), st.integers(1, 60), st.integers(1, 6), st.integers(0, 20), st.integers(1, 120))
def test_folds_teach_only_what_was_known_when_they_began(
    n: int, window: int, folds: int, delay: int, newest: int
) -> None:
    created = np.repeat(np.arange(n), 2)[:n].astype(np.int64)  # leads come in pairs, so that times tie
    known = created + delay
    cut = time_forward(created, known, folds=folds, newest=newest, window=window)
    covered = [row for fold in cut for row in range(fold.test.start, fold.test.stop)]
    assert covered == list(range(n - len(covered), n)), "the folds cover the newest leads once, in order"
    assert len(covered) == pytest.approx(min(n, newest) / 2, abs=1)
    for fold in cut:
        slow = [row for row in range(fold.test.start) if known[row] <= created[fold.test.start]][-window:]
        assert fold.train.tolist() == slow
        assert fold.begins == created[fold.test.start]


@pytest.mark.parametrize(
    ("differences", "variances", "confidence"),
    [
        ([0.02, 0.02, 0.02, 0.02], [0.0004] * 4, norm.cdf(0.02 / 0.01)),  # no more spread than sampling
        ([0.10, -0.06, 0.10, -0.06], [0.0] * 4, norm.cdf(0.02 / math.sqrt(0.0256 / 3 * 1.25))),  # nothing but drift
        ([0.0, 0.0], [0.0, 0.0], 0.5),
        ([0.01, 0.01], [0.0, 0.0], 1.0),
        ([-0.01, -0.01], [0.0, 0.0], 0.0),
    ],
)
def test_gate(differences: list[float], variances: list[float], confidence: float) -> None:
    assert judge_folds(differences, variances).confidence == pytest.approx(confidence)


def test_gate_sees_drift_where_folds_contradict_each_other() -> None:
    assert judge_folds([0.1, -0.1, 0.1, -0.1], [0.0004] * 4).drift_p < 1e-6
    assert judge_folds([0.02, 0.01, 0.03, 0.02], [0.0004] * 4).drift_p > 0.5


@settings(max_examples=60, deadline=None)
@given(counts)
def test_shrinkage_agrees_with_the_slow_twin(rows: list[tuple[int, int, int]]) -> None:
    rows = sorted(((n, min(s, n), group) for n, s, group in rows), key=lambda row: row[2])
    n, s, group = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    found = shrink_rates(n, s, group)
    for one in set(group.tolist()):
        at = group == one
        mean = (s[at].sum() + 0.5) / (n[at].sum() + 1.0)
        likelihood = [betabinom.logpmf(s[at], n[at], mean * k, (1 - mean) * k).sum() for k in KAPPAS]
        share = np.exp(np.array(likelihood) - max(likelihood))
        slow = sum(w * (mean * k + s[at]) / (k + n[at]) for w, k in zip(share / share.sum(), KAPPAS, strict=True))
        np.testing.assert_allclose(found[at], slow, rtol=1e-9)


def test_shrinkage_of_nothing_is_nothing() -> None:
    empty = np.empty(0, np.int64)
    assert shrink_rates(empty, empty, empty).shape == (0,)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=30))
def test_benjamini_hochberg_agrees_with_the_slow_twin(p: list[float]) -> None:
    ordered = sorted(p)
    passing = [value for place, value in enumerate(ordered, 1) if value <= 0.1 * place / len(p)]
    cut = max(passing, default=-1.0)
    near = [abs(value - 0.1 * place / len(p)) < 1e-12 for place, value in enumerate(ordered, 1)]
    if not any(near):  # at the very edge the two round differently
        assert discoveries(np.array(p), 0.1).tolist() == [value <= cut for value in p]


def test_p_values_are_uniform_where_levels_do_not_matter() -> None:
    rng = np.random.default_rng(2)
    level = rng.integers(0, 4, (2_000, 400))
    converted = rng.random((2_000, 400)) < 0.2
    n, s = (level == 0).sum(axis=1), ((level == 0) & converted).sum(axis=1)
    p = score_p_values(n, s, np.full(2_000, 400.0), converted.sum(axis=1).astype(float))
    assert np.mean(p < 0.05) == pytest.approx(0.05, abs=0.015)


def test_a_level_that_holds_every_lead_differs_from_nobody() -> None:
    whole = np.array([50], np.int64)
    assert score_p_values(whole, np.array([9], np.int64), np.array([50.0]), np.array([9.0])).tolist() == [1.0]


values = st.lists(st.one_of(st.integers(-3, 3).map(float), st.just(float("nan"))), max_size=70)


@settings(max_examples=150, deadline=None)
@given(values)
def test_past_rank_agrees_with_the_slow_twin(rows: list[float]) -> None:
    array = np.array(rows, float)
    for at, found in enumerate(past_rank(array)):
        before = [value for value in rows[:at] if not math.isnan(value)]
        if math.isnan(rows[at]):
            assert math.isnan(found)
        elif not before:
            assert found == 0.5
        else:
            below = sum(value < rows[at] for value in before) + sum(value == rows[at] for value in before) / 2
            assert found == pytest.approx(below / len(before))


@settings(max_examples=60, deadline=None)
@given(values, values)
def test_later_rows_change_no_rank(rows: list[float], later: list[float]) -> None:
    before = past_rank(np.array(rows, float))
    after = past_rank(np.array(rows + later, float))
    np.testing.assert_array_equal(after[: len(rows)], before)


@settings(max_examples=60, deadline=None)
@given(st.floats(-8, 8), st.lists(st.tuples(st.floats(0, 6), st.booleans()), max_size=50))
def test_recalibration_agrees_with_the_slow_twin(intercept: float, rows: list[tuple[float, bool]]) -> None:
    linear, converted = np.array([row[0] for row in rows], float), np.array([row[1] for row in rows], bool)

    def loss(a: float) -> float:
        x = a + linear
        return float(np.sum(np.logaddexp(0, x) - converted * x) + (a - intercept) ** 2 / (2 * SPREAD**2))

    slow = minimize_scalar(loss, bounds=(intercept - 60, intercept + 60), method="bounded", options={"xatol": 1e-9})
    assert recalibrate(intercept, linear, converted) == pytest.approx(slow.x, abs=1e-4)


def test_bins_are_a_sort_cut_into_equal_parts() -> None:
    rng = np.random.default_rng(11)
    promised, converted = rng.random(53), rng.random(53) < 0.3
    got = bins(promised, converted, 5)
    pairs = sorted(zip(promised.tolist(), converted.tolist(), strict=True))
    start = 0
    for each in got:
        part = pairs[start : start + each.n]
        assert each.predicted == pytest.approx(sum(p for p, _ in part) / len(part))
        assert each.observed == pytest.approx(sum(c for _, c in part) / len(part))
        start += each.n
    assert start == 53
    assert {each.n for each in got} == {10, 11}
    assert len(bins(promised[:3], converted[:3], 5)) == 3
