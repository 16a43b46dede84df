"""Texts of equal features that differ by luck: the reduction agrees with an obvious one, and few texts prove little."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from algorithms.evidence import EvidenceConfig, LevelCounts, Statistics, gather
from algorithms.what_texts import Spread, TextPrior, learn_spread, of_levels

Floats = NDArray[np.float64]


def sent(rng: np.random.Generator, texts: int, touches: int, log_odds: Floats, blocks: int = 4) -> Statistics:
    """Statistics of texts that were sent equally often in ten strata, with these log-odds around a rate of .3."""
    n = rng.poisson(touches / blocks / 10, (blocks, 10, texts))
    s = rng.binomial(n, 1 / (1 + np.exp(0.85 - log_odds)))
    return gather([LevelCounts(tuple(map(str, range(texts))), n, s)], EvidenceConfig())[0]


def halves(texts: int) -> Floats:
    """(texts, 2) indicators: every other text has the second level."""
    return np.eye(2)[np.arange(texts) % 2]


def test_reduction_agrees_with_generalised_least_squares() -> None:
    """U ~ N(V X β, V + V C V), solved for β in the obvious way, gives the same estimate and information."""
    rng = np.random.default_rng(1)
    texts = sent(rng, 6, 300, rng.normal(0, 0.3, 6))
    x, other = halves(6), np.eye(3)[np.array([0, 0, 1, 1, 2, 2])]
    spread = Spread(0.3, 0.2)
    found = of_levels(texts, x, ("a", "b"), other @ other.T, spread)
    u, v = texts.u.sum(axis=0), texts.v.sum(axis=0)
    noise = spread.text**2 * np.eye(6) + spread.feature**2 * other @ other.T
    weigh = np.linalg.pinv(v + v @ noise @ v)
    np.testing.assert_allclose(found.u.sum(axis=0), x.T @ v @ weigh @ u, rtol=1e-6)
    np.testing.assert_allclose(found.v.sum(axis=0), x.T @ v @ weigh @ v @ x, rtol=1e-6)
    assert (np.linalg.eigvalsh(found.v) > -1e-9).all()


def test_without_luck_texts_of_one_level_are_one() -> None:
    rng = np.random.default_rng(2)
    texts = sent(rng, 6, 300, np.zeros(6))
    found = of_levels(texts, halves(6), ("a", "b"), np.zeros((6, 6)), Spread(0.0, 0.0))
    np.testing.assert_allclose(found.u, texts.u @ halves(6), atol=1e-9)
    np.testing.assert_allclose(found.v, halves(6).T @ texts.v @ halves(6), atol=1e-9)
    assert found.n.tolist() == [texts.n[::2].sum(), texts.n[1::2].sum()]
    assert found.s.sum() == texts.s.sum()


def test_two_texts_hold_no_more_than_their_luck_lets_them() -> None:
    """However often they are sent: two texts that differ by N(0, ω²) each tell a difference no better than 2ω²."""
    rng = np.random.default_rng(3)
    contrast = np.array([1.0, -1.0])
    for touches in (1_000, 100_000):
        found = of_levels(sent(rng, 2, touches, np.zeros(2)), halves(2), ("a", "b"), np.zeros((2, 2)), Spread(0.3, 0.0))
        variance = contrast @ np.linalg.pinv(found.v.sum(axis=0)) @ contrast
        assert variance >= 2 * 0.3**2
    assert variance < 2 * 0.3**2 + 0.01


def test_a_feature_that_goes_with_another_is_doubted() -> None:
    """Where every text with a question also has a number, nobody can tell which of them it is."""
    rng = np.random.default_rng(4)
    texts, x = sent(rng, 8, 500, np.zeros(8)), halves(8)
    crossed = np.eye(2)[np.array([0, 0, 1, 1, 0, 0, 1, 1])]
    alone, aliased = (
        np.trace(of_levels(texts, x, ("a", "b"), other @ other.T, Spread(0.1, 0.3)).v.sum(axis=0))
        for other in (crossed, x)
    )
    assert aliased < 0.5 * alone


@pytest.mark.parametrize(("planted", "low", "high"), [(0.0, 0.0, 0.12), (0.3, 0.2, 0.42)])
def test_many_texts_tell_their_luck(planted: float, low: float, high: float) -> None:
    rng = np.random.default_rng(5)
    found = []
    for _ in range(20):
        texts = sent(rng, 30, 400, rng.normal(0, planted, 30))
        found.append(learn_spread(texts.u.sum(axis=0), texts.v.sum(axis=0), {"mark": halves(30)}, TextPrior()).text)
    assert low <= np.mean(found) <= high


def test_what_features_do_is_no_luck_of_texts() -> None:
    rng = np.random.default_rng(6)
    texts = sent(rng, 30, 400, 0.6 * (np.arange(30) % 2))
    spread = learn_spread(texts.u.sum(axis=0), texts.v.sum(axis=0), {"mark": halves(30)}, TextPrior())
    assert spread.text < 0.12
    assert spread.feature > 0.15


def test_no_texts_leave_the_prior() -> None:
    prior = TextPrior()
    spread = learn_spread(np.zeros(2), np.zeros((2, 2)), {}, prior)
    assert spread.text == pytest.approx(np.sqrt(np.dot(np.square(prior.text_sd), prior.text_weights)))
    assert spread.feature == pytest.approx(np.dot(prior.feature_sd, prior.feature_weights))
