"""Effects within randomised tests: the fast sums against a loop of matrices, planted effects, and flat worlds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.stats import norm

from algorithms.what_tests import TestsConfig, arrange, learn_effects, learn_text_sd, statistics
from contracts.outcomes import HEADLINE_FEATURES
from simulation.message_tests import MessageTests, MessageTestsConfig, message_tests

Floats = NDArray[np.float64]
CONFIG = TestsConfig()


def numbered(drawn: MessageTests) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    rows = drawn.rows
    return (
        rows["test"].rank("dense").to_numpy().astype(np.int64),
        rows["shown"].to_numpy(),
        rows["converted"].to_numpy(),
    )


def slow(
    test: NDArray[np.int64], n: NDArray[np.int64], s: NDArray[np.int64], x: Floats, sd: float
) -> tuple[Floats, Floats]:
    """U* and V* as they are written: a matrix a test, inverted."""
    u, v = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for number in np.unique(test):
        rows = test == number
        size, hits = n[rows].astype(float), s[rows].astype(float)
        total, all_hits = size.sum(), hits.sum()
        if rows.sum() < 2 or all_hits in (0, total):
            continue
        scale = all_hits * (total - all_hits) / (total**2 * (total - 1))
        matrix = scale * (total * np.diag(size) - np.outer(size, size))
        inverse = np.linalg.inv(np.eye(len(size)) + sd**2 * matrix)
        u += x[rows].T @ inverse @ (hits - size * all_hits / total)
        v += np.diag(x[rows].T @ matrix @ inverse @ x[rows])
    return u, v


@pytest.mark.parametrize("sd", [0.0, 0.31])
def test_fast_sums_are_the_matrices(sd: float) -> None:
    rng = np.random.default_rng(1)
    test = rng.permutation(np.repeat(np.arange(60), rng.integers(1, 6, 60)))
    n = rng.integers(1, 900, len(test))
    s = rng.binomial(n, 0.02)
    x = (rng.random((len(test), 5)) < 0.3).astype(float)
    variants, kept = arrange(test, n, s)
    u, v = statistics(variants, csr_array(x[kept]), sd)
    slow_u, slow_v = slow(test, n, s, x, sd)
    np.testing.assert_allclose(u, slow_u, atol=1e-9)
    np.testing.assert_allclose(v, slow_v, atol=1e-9)


def test_likelihood_of_luck_is_that_of_the_normal_it_claims() -> None:
    """Two texts a test: their one contrast is N(0, information + ω²·2·information²), which can be written down."""
    rng = np.random.default_rng(2)
    test = np.repeat(np.arange(400), 2)
    n = np.full(800, 4_000)
    s = rng.binomial(n, 1 / (1 + np.exp(4 - 0.3 * rng.normal(size=800))))
    variants, _ = arrange(test, n, s)
    excess = (s[::2] - s[1::2]) / 2
    rate = (s[::2] + s[1::2]) / 8_000
    information = rate * (1 - rate) * 8_000**2 / 7_999 / 4
    grid = np.linspace(0, 1, 51)
    logs = np.array([norm.logpdf(excess, 0, np.sqrt(information + 2 * (sd * information) ** 2)).sum() for sd in grid])
    logs -= 0.5 * (grid / CONFIG.text_sd) ** 2
    expected = np.exp(logs - logs.max()) @ grid / np.exp(logs - logs.max()).sum()
    assert learn_text_sd(variants, CONFIG) == pytest.approx(expected, abs=1e-6)
    assert expected == pytest.approx(0.3, abs=0.04)


def test_finds_planted_effects_and_no_others() -> None:
    right, near = [], []
    for seed in range(3):
        drawn = message_tests(MessageTestsConfig(tests=800, word_share=0.0), seed)
        variants, kept = arrange(*numbered(drawn))
        u, v = statistics(variants, csr_array(drawn.flags[kept].astype(float)), learn_text_sd(variants, CONFIG))
        effects = learn_effects(u, v, CONFIG)
        planted = np.array(list(drawn.effects.values()))
        claimed = effects.confidence >= 0.7
        right += list(np.sign(effects.effect[claimed]) == np.sign(planted[claimed]))
        near.append(np.abs(effects.effect - planted).mean() / np.abs(planted).mean())
    assert len(right) >= 9
    assert np.mean(right) >= 0.85
    assert np.mean(near) < 0.6, "closer than saying nothing, by far"


def test_is_silent_where_no_mark_matters() -> None:
    claims = []
    for seed in range(20):
        drawn = message_tests(MessageTestsConfig(tests=100, real_share=0.0, word_share=0.0), seed)
        variants, kept = arrange(*numbered(drawn))
        marks = csr_array(drawn.flags[kept].astype(float))
        effects = learn_effects(*statistics(variants, marks, learn_text_sd(variants, CONFIG)), CONFIG)
        claims.append(bool((effects.confidence >= 0.7).any()))
    assert np.mean(claims) <= 0.1, ".02 measured over 100 seeds, docs/what.md"


def test_marks_that_no_test_compares_keep_the_prior() -> None:
    effects = learn_effects(np.array([0.0, 9.0]), np.array([0.0, 30.0]), CONFIG)
    assert effects.effect[0] == 0.0
    assert effects.p_real[0] < 0.1
    assert effects.effect[1] > 0.0
    shares = effects.share.sum(axis=1)
    np.testing.assert_allclose(shares, 1.0)
    assert (effects.confidence <= effects.p_real + 1e-12).all()


def test_however_much_is_known_probabilities_stay_probabilities() -> None:
    rng = np.random.default_rng(5)
    v = rng.uniform(1e3, 1e7, 300)
    effects = learn_effects(v * rng.normal(0, 0.2, 300), v, CONFIG)
    for probability in (effects.p_real, effects.p_above, effects.confidence):
        assert probability.min() >= 0.0
        assert probability.max() <= 1.0
    assert (effects.confidence <= effects.p_real).all()


def test_the_order_of_rows_does_not_matter() -> None:
    drawn = message_tests(MessageTestsConfig(tests=50), 4)
    test, n, s = numbered(drawn)
    x = drawn.flags.astype(float)
    shuffled = np.random.default_rng(0).permutation(len(n))
    found = []
    for order in (np.arange(len(n)), shuffled):
        variants, kept = arrange(test[order], n[order], s[order])
        found.append(statistics(variants, csr_array(x[order][kept]), 0.3))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9, atol=1e-9)
    assert len(HEADLINE_FEATURES) == len(found[0][0])


def test_tests_that_compare_nothing_are_left_out() -> None:
    test = np.array([1, 1, 2, 3, 3, 4, 4])
    n = np.array([10, 10, 10, 10, 10, 10, 10])
    s = np.array([0, 0, 5, 10, 10, 1, 2])
    variants, kept = arrange(test, n, s)
    assert kept.tolist() == [5, 6]
    assert variants.total.tolist() == [20]
    nobody, none = arrange(test[:0], n[:0], s[:0])
    assert len(none) == len(nobody.total) == 0
