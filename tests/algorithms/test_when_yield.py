"""Hazards by touch number beside a general optimiser and a mixture, whether intervals hold the truth, and edges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import betaln, expit
from scipy.stats import beta

from algorithms.when_yield import INTERVAL, KAPPAS, SLOPE_SD, touch_yields, trend

N = np.array([4_000, 2_600, 1_700, 900, 300, 40, 5])
S = np.array([220, 130, 60, 40, 6, 0, 1])


def slow_trend(n: np.ndarray, s: np.ndarray) -> np.ndarray:
    """The same posterior mode, by a method that knows no derivatives."""

    def loss(line: np.ndarray) -> float:
        hazard = expit(line[0] + line[1] * np.arange(len(n)))
        likelihood = s @ np.log(hazard) + (n - s) @ np.log1p(-hazard)
        prior = 0.5 * np.log(expit(line[0]) * expit(-line[0])) - 0.5 * (line[1] / SLOPE_SD) ** 2
        return float(-likelihood - prior)

    found = minimize(loss, [-3.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-10, "maxiter": 4_000})
    return expit(found.x[0] + found.x[1] * np.arange(len(n)))


def test_trend_is_the_posterior_mode() -> None:
    np.testing.assert_allclose(trend(np.arange(1, 8), N, S), slow_trend(N, S), rtol=1e-5)


def test_hazard_and_interval_are_those_of_the_mixture_over_kappa() -> None:
    line = slow_trend(N, S)
    a, b = line[:, None] * KAPPAS + S[:, None], (1 - line[:, None]) * KAPPAS + (N - S)[:, None]
    evidence = (betaln(a, b) - betaln(line[:, None] * KAPPAS, (1 - line[:, None]) * KAPPAS)).sum(axis=0)
    share = np.exp(evidence - evidence.max()) / np.exp(evidence - evidence.max()).sum()
    for row, one in enumerate(touch_yields(N, S)):
        assert (one.touch, one.n, one.s) == (row + 1, N[row], S[row])
        assert one.hazard == pytest.approx(share @ (a / (a + b))[row], rel=1e-4)
        inside = share @ (beta.cdf(one.high, a[row], b[row]) - beta.cdf(one.low, a[row], b[row]))
        assert inside == pytest.approx(INTERVAL, abs=0.04), "one Beta of equal moments stands for the mixture"


def test_intervals_hold_the_planted_hazard() -> None:
    rng = np.random.default_rng(3)
    truth = expit(-2.8 - 0.18 * np.arange(16))
    held = []
    for _ in range(200):
        n = rng.binomial(6_000, 0.75 ** np.arange(16))
        yields = touch_yields(n, rng.binomial(n, truth))
        held += [one.low <= truth[one.touch - 1] <= one.high for one in yields]
    assert 0.88 <= np.mean(held) <= 0.98


def test_many_touches_keep_their_rate_and_few_take_the_trend() -> None:
    crowded = touch_yields(100 * N, 100 * S)
    assert crowded[0].hazard == pytest.approx(S[0] / N[0], rel=0.02)
    last = touch_yields(N, S)[-1]
    assert last.hazard < 0.05 < last.s / last.n, "one outcome of five says little"
    assert last.low < 0.02 < last.high


def test_edges() -> None:
    none = np.zeros(16, np.int64)
    assert touch_yields(none, none) == ()
    (single,) = touch_yields(np.array([0, 0, 7]), np.array([0, 0, 0]))
    assert single.touch == 3
    assert 0 <= single.low <= single.hazard <= single.high < 0.5
    for s in (np.zeros(3, np.int64), np.array([500, 60, 2])):
        for one in touch_yields(np.array([500, 60, 2]), s):
            assert 0 <= one.low <= one.hazard <= one.high <= 1
    gap = touch_yields(np.array([900, 0, 400]), np.array([50, 0, 10]))
    assert [one.touch for one in gap] == [1, 3]
