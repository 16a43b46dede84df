"""One channel or several: a difference within strata, whose interval covers what was planted."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.multi_channel import Z90, lift, wilson
from contracts.how import Lift
from contracts.refusal import Reason, Refusal


def found(single: list[list[int]], multi: list[list[int]]) -> Lift:
    result = lift(np.array(single), np.array(multi), randomised=False)
    assert isinstance(result, Lift), result
    return result


def test_the_difference_is_mantel_and_haenszels() -> None:
    one = found([[100, 10], [50, 20]], [[60, 12], [150, 75]])
    weights = np.array([100 * 60 / 160, 50 * 150 / 200])
    by_hand = weights @ [12 / 60 - 10 / 100, 75 / 150 - 20 / 50] / weights.sum()
    assert one.difference == pytest.approx(by_hand)
    assert one.low < one.difference < one.high
    assert (one.single, one.multi) == (150, 210)


def test_strata_take_away_what_good_leads_bring() -> None:
    """Within each stratum nothing differs; pooled, several channels look .18 better, since good leads get them."""
    one = found([[300, 30], [100, 40]], [[100, 10], [300, 120]])
    assert one.difference == pytest.approx(0.0)
    assert one.low < 0 < one.high
    assert one.high - one.low < 0.15


def test_one_stratum_is_nearly_newcombe() -> None:
    one = found([[1000, 120]], [[1000, 150]])
    (low_one, high_one), (low_many, high_many) = wilson(0.12, 1000), wilson(0.15, 1000)
    assert one.low == pytest.approx(0.03 - np.hypot(0.15 - low_many, high_one - 0.12), abs=2e-4)
    assert one.high == pytest.approx(0.03 + np.hypot(high_many - 0.15, 0.12 - low_one), abs=2e-4)


def test_wilson_is_the_published_interval() -> None:
    assert wilson(0.8, 10, 1.959964) == pytest.approx((0.49016, 0.94332), abs=1e-5)
    assert wilson(0.0, 10)[0] == 0.0
    assert wilson(1.0, 10)[1] == 1.0
    assert wilson(0.0, 10)[1] == pytest.approx(Z90**2 / (10 + Z90**2))


@pytest.mark.parametrize("planted", [0.0, 0.03])
def test_its_interval_covers(planted: float) -> None:
    rng, covered = np.random.default_rng(8), []
    share = np.linspace(0.2, 0.8, 8)
    for _ in range(400):
        size = rng.multinomial(1_500, np.arange(1, 9) / 36)
        many = rng.binomial(size, share)
        rate = np.linspace(0.03, 0.09, 8)
        single = np.stack([size - many, rng.binomial(size - many, rate)], axis=1)
        multi = np.stack([many, rng.binomial(many, rate + planted)], axis=1)
        one = lift(single, multi, randomised=True)
        assert isinstance(one, Lift)
        assert one.randomised
        covered.append(one.low <= planted <= one.high)
    assert 0.86 <= np.mean(covered) <= 0.97


def test_extremes_have_intervals_too() -> None:
    nobody, everybody = [[40, 0], [30, 0]], [[40, 40], [30, 30]]
    none = found(nobody, nobody)
    assert none.difference == 0
    assert -0.1 < none.low < 0 < none.high < 0.1
    every = found(nobody, everybody)
    assert every.difference == pytest.approx(1.0)
    assert 0.8 < every.low < 1.0


def test_refuses_where_strata_hold_one_kind() -> None:
    assert lift(np.array([[500, 20], [0, 0]]), np.array([[0, 0], [500, 40]]), randomised=False) == Refusal(
        Reason.NO_VARIATION, 0, 20, "leads on one, or on several channels, to compare"
    )
    few = lift(np.array([[19, 2]]), np.array([[500, 40]]), randomised=False)
    assert isinstance(few, Refusal)
    assert few.got == 19
    assert isinstance(lift(np.zeros((0, 2), int), np.zeros((0, 2), int), randomised=False), Refusal)
