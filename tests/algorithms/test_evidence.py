"""Plant an effect, find it; plant nothing, say nothing; and every number as its slow twin has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import norm

from algorithms.evidence import (
    Compared,
    EvidenceConfig,
    LevelCounts,
    compare,
    compare_statistics,
    gather,
    kernels,
    learn_p_real,
    log_bayes_factors,
    memo,
    refusal_of,
)
from algorithms.evidence.mixtures import quantiles
from algorithms.evidence.population import MOST_REAL
from contracts.canonical import canonical_json
from contracts.levels import Comparison
from contracts.refusal import Reason, Refusal
from contracts.when import GAP_BINS, hour_key
from tests.algorithms.evidence_twin import Twin, twin

Floats = NDArray[np.float64]

CONFIG = EvidenceConfig()
LETTERS = tuple("abcdefghijklmnop")


def drawn(
    rng: np.random.Generator,
    gains: Sequence[float],
    touches: int = 2_000,
    base: float = 0.3,
    confounding: float = 0.0,
    drift: float = 0.0,
    blocks: int = 8,
) -> LevelCounts:
    """Touches of leads whose quality moves both the choice of level and the outcome; strata are deciles of a score
    that sees quality with noise."""
    levels = len(gains)
    quality = rng.normal(size=touches)
    pull = np.log(rng.dirichlet(np.full(levels, 5.0))) + confounding * quality[:, None] * rng.normal(size=levels)
    choice = (pull + rng.gumbel(size=pull.shape)).argmax(axis=1)
    block = np.arange(touches) * blocks // touches
    moved = drift * rng.normal(size=(blocks, levels))
    odds = logit(base) + 0.9 * confounding * quality + np.array(gains)[choice] + moved[block, choice]
    converted = rng.random(touches) < expit(odds)
    score = quality + 0.4 * rng.normal(size=touches)
    stratum = np.searchsorted(np.quantile(score, np.linspace(0.1, 0.9, 9)), score)
    n, s = np.zeros((2, blocks, 10, levels), np.int64)
    np.add.at(n, (block, stratum, choice), 1)
    np.add.at(s, (block, stratum, choice), converted)
    return LevelCounts(LETTERS[:levels], n, s)


def answers(counts: Sequence[LevelCounts], kernel: kernels.Kernel = kernels.independent, **more: Any) -> list[Compared]:
    found = compare("question", counts, kernel, **({"randomised": [False] * len(counts)} | more))
    assert all(isinstance(each, Compared) for each in found), found
    return found  # type: ignore[return-value]


def answer(counts: LevelCounts, kernel: kernels.Kernel = kernels.independent, **more: Any) -> Compared:
    return answers([counts], kernel, **more)[0]


def column(comparison: Comparison, name: str) -> Floats:
    return np.array([getattr(level, name) for level in comparison.levels])


KERNELS = {
    "independent": (kernels.independent, LETTERS),
    "hours": (kernels.hours, ("mon-09", "mon-10", "tue-10", "sat-22", "sun-00")),
    "gaps": (kernels.gaps, GAP_BINS),
    "next": (kernels.next_channels, ("none>email", "email>email", "email>sms", "sms>sms", "sms>email")),
}


@pytest.mark.parametrize("kind", KERNELS)
@pytest.mark.parametrize("randomised", [False, True])
def test_every_number_is_its_slow_twins(kind: str, randomised: bool) -> None:
    kernel, keys = KERNELS[kind]
    for seed, levels in enumerate((2, 4, 5)):
        rng = np.random.default_rng(seed)
        counts = drawn(rng, rng.normal(size=levels) * 0.5, blocks=3, drift=0.2)
        counts = replace(counts, keys=keys[:levels])
        found = answer(counts, kernel, randomised=[randomised], pi1=0.3)
        statistics = gather([counts], CONFIG)[0]
        lower = kernels.factor(kernel, counts.keys)
        slow = twin(
            statistics.u, statistics.v, lower @ lower.T, statistics.use, 0.0 if randomised else 0.1, 0.3, CONFIG
        )
        agree(found, slow)


def agree(found: Compared, slow: Twin) -> None:
    comparison = found.comparison
    assert found.log_bf == pytest.approx(slow.log_bf, abs=1e-6)
    assert found.p_real == pytest.approx(slow.p_real, abs=1e-6)
    assert found.omega == pytest.approx(slow.omega, abs=1e-6)
    assert comparison.recommendation.key == comparison.levels[slow.top].key
    assert comparison.confidence == pytest.approx(slow.p_better[slow.top], abs=1e-6)
    np.testing.assert_allclose(column(comparison, "gain"), slow.gain, atol=1e-6)
    np.testing.assert_allclose(column(comparison, "sd"), slow.sd, atol=1e-6)
    np.testing.assert_allclose(column(comparison, "p_better"), slow.p_better, atol=1e-6)
    np.testing.assert_allclose(list(found.p_top_beats.values()), slow.p_top_beats, atol=1e-6)
    np.testing.assert_allclose(column(comparison, "p_best"), slow.p_best, atol=0.02)


def test_finds_the_level_that_converts() -> None:
    rng = np.random.default_rng(0)
    gains = (0.0, np.log(2.0), 0.0, 0.0, 0.0)
    found = answers([drawn(rng, gains, confounding=1.0) for _ in range(120)])
    right = [one.comparison.claimed and one.comparison.recommendation.key == "b" for one in found]
    assert np.mean(right) >= 0.65, ".75 over many worlds"


def test_intervals_hold_the_true_gain() -> None:
    rng = np.random.default_rng(1)
    truths = rng.normal(size=(150, 4)) * 0.4
    held = []
    for one, gains in zip(answers([drawn(rng, gains) for gains in truths]), truths, strict=True):
        mix = column(one.comparison, "use") @ gains
        said = one.comparison.recommendation
        held.append(said.low <= gains[LETTERS.index(said.key)] - mix <= said.high)
        assert said.low <= said.gain <= said.high
    assert np.mean(held) >= 0.85, "90 % promised; 150 worlds have a standard error of 2.4 %"


@pytest.mark.parametrize(("touches", "drift"), [(200, 0.0), (500, 0.0), (2_000, 0.0), (2_000, 0.4)])
def test_is_silent_on_a_flat_world_however_confounded(touches: int, drift: float) -> None:
    rng = np.random.default_rng(touches)
    flat = [drawn(rng, [0.0] * 5, touches=touches, confounding=1.0, drift=drift) for _ in range(250)]
    claimed = np.mean([one.comparison.claimed for one in answers(flat)])
    assert claimed <= 0.05 + 0.025, "5 % promised; 250 worlds have a standard error of 1.4 %"


def test_hours_are_silent_where_flat_and_find_the_peak_where_there_is_one() -> None:
    keys = tuple(f"{day}-{hour:02d}" for day in ("mon", "tue", "wed", "sat") for hour in range(8, 19))
    rng = np.random.default_rng(4)
    peak = [0.9 * np.exp(-0.5 * ((int(key[-2:]) - 10) / 2) ** 2) for key in keys]
    worlds = {"peak": [(gain, 2_500) for gain in [peak] * 10], "flat": [([0.0] * len(keys), 2_500)] * 20}
    found = {}
    for kind, cells in worlds.items():
        counts = []
        for gains, touches in cells:
            cell, quality = rng.integers(0, len(keys), touches), rng.normal(size=touches)
            hit = rng.random(touches) < expit(-1.0 + quality + np.array(gains)[cell])
            n, s = np.zeros((2, 8, 10, len(keys)), np.int64)
            where = (np.arange(touches) * 8 // touches, np.clip((norm.cdf(quality) * 10).astype(int), 0, 9), cell)
            np.add.at(n, where, 1)
            np.add.at(s, where, hit)
            counts.append(LevelCounts(keys, n, s))
        found[kind] = answers(counts, kernels.hours)
    near = [abs(int(one.comparison.recommendation.key[-2:]) - 10) <= 1 for one in found["peak"]]
    assert np.mean([one.comparison.claimed for one in found["peak"]]) >= 0.9
    assert np.mean(near) >= 0.9
    assert sum(one.comparison.claimed for one in found["flat"]) <= 1


def test_stable_effects_are_trusted_and_moving_ones_are_not() -> None:
    rng = np.random.default_rng(6)
    steady = answer(drawn(rng, [0.7, 0.0, 0.0], touches=8_000))
    moving = answer(drawn(rng, [0.0, 0.0, 0.0], touches=8_000, drift=0.6))
    assert steady.comparison.claimed
    assert steady.omega < 0.1
    assert not moving.comparison.claimed
    assert moving.omega > 0.3


def test_the_newest_block_vetoes_a_claim_that_it_contradicts() -> None:
    rng = np.random.default_rng(1)
    before = drawn(rng, [0.9, 0.0], touches=14_000, blocks=7)
    after = drawn(rng, [-0.9, 0.0], touches=2_000, blocks=1)
    counts = LevelCounts(before.keys, np.concatenate([before.n, after.n]), np.concatenate([before.s, after.s]))
    found = answer(counts, config=replace(CONFIG, drift_sd=(0.0,), drift_weights=(1.0,)))
    assert found.comparison.recommendation.key == "a"
    assert found.comparison.confidence >= 0.7
    assert found.contradicted
    assert found.below_mix == ("a",)
    assert not found.comparison.claimed
    assert not answer(before).contradicted


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(1, 4), st.integers(1, 6), st.floats(0.0, 1.0))
def test_whatever_the_counts_the_answer_is_finite_or_a_refusal(
    seed: int, levels: int, blocks: int, strata: int, rate: float
) -> None:
    rng = np.random.default_rng(seed)
    n = rng.integers(0, 40, (blocks, strata, levels)) * rng.integers(0, 2, (1, strata, levels))
    counts = LevelCounts(LETTERS[:levels], n, rng.binomial(n, rate))
    found = compare("question", [counts], kernels.independent, randomised=[bool(seed % 2)])[0]
    if isinstance(found, Refusal):
        assert found.reason in {Reason.TOO_FEW_OUTCOMES, Reason.NO_VARIATION}
        assert found.got < found.wanted
        return
    comparison = found.comparison
    canonical_json([comparison.to_payload(), found.diagnostics()])  # raises where a number is not finite
    assert column(comparison, "p_best").sum() == pytest.approx(1.0)
    assert column(comparison, "use").sum() == pytest.approx(1.0)
    assert comparison.level(comparison.recommendation.key).n > 0  # type: ignore[union-attr]
    assert comparison.confidence <= found.p_real + 1e-12
    assert Comparison.from_payload(comparison.to_payload()) == comparison


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1_000), st.permutations(range(5)))
def test_naming_levels_in_another_order_changes_nothing_but_the_order(seed: int, order: list[int]) -> None:
    counts = drawn(np.random.default_rng(seed), [0.5, 0.0, -0.3, 0.0, 0.2], touches=600)
    turned = LevelCounts(tuple(counts.keys[i] for i in order), counts.n[..., order], counts.s[..., order])
    first, second = answer(counts), answer(turned)
    assert second.log_bf == pytest.approx(first.log_bf)
    assert second.comparison.recommendation.key == first.comparison.recommendation.key
    for name, close in (("gain", 1e-9), ("sd", 1e-9), ("p_better", 1e-9), ("p_best", 0.06)):
        np.testing.assert_allclose(column(second.comparison, name), column(first.comparison, name)[order], atol=close)


def test_refusals_name_what_is_missing() -> None:
    n = np.full((2, 2, 3), 50)
    few = LevelCounts(("a", "b", "c"), n, np.zeros_like(n))
    every = LevelCounts(("a", "b", "c"), n, n)
    lonely = LevelCounts(("a", "b", "c"), n * [1, 0, 0], n * [1, 0, 0] // 2)
    apart = LevelCounts(("a", "b"), np.array([[[40, 0], [0, 40]]]), np.array([[[20, 0], [0, 20]]]))
    found = compare("question", [few, every, lonely, apart], kernels.independent, randomised=[False] * 4)
    assert [each.reason for each in found if isinstance(each, Refusal)] == [
        Reason.TOO_FEW_OUTCOMES,
        Reason.TOO_FEW_OUTCOMES,
        Reason.NO_VARIATION,
        Reason.NO_VARIATION,
    ]
    assert str(found[2]) == "no_variation: got 1, wanted 2 (levels in use)"
    assert "both outcomes" in str(found[3])
    assert refusal_of(gather([drawn(np.random.default_rng(0), [0.0, 0.0])], CONFIG)[0]) is None


def test_a_level_that_nobody_uses_is_not_recommended_and_may_be_explored() -> None:
    counts = drawn(np.random.default_rng(3), [0.8, 0.0, 0.0])
    wide = LevelCounts((*counts.keys, "unused"), *(np.pad(x, ((0, 0), (0, 0), (0, 1))) for x in (counts.n, counts.s)))
    found = answer(wide).comparison
    assert found.recommendation.key == "a"
    assert found.levels[3].use == 0.0
    assert 0.0 < found.levels[3].p_best < 0.5


def test_alternatives_are_compared_within_their_group() -> None:
    """Channels after e-mail are no alternatives to channels after a call: each is held against its own mix."""
    rng = np.random.default_rng(5)
    after_email, after_call = drawn(rng, [0.6, 0.0]), drawn(rng, [0.0, 0.0, 0.0], base=0.6)
    keys = ("email>sms", "email>email", "voice>sms", "voice>email", "voice>voice")
    n, s = (
        np.concatenate([np.pad(first, ((0, 0), (0, 0), (0, 3))), np.pad(second, ((0, 0), (0, 0), (2, 0)))], axis=1)
        for first, second in ((after_email.n, after_call.n), (after_email.s, after_call.s))
    )
    counts = LevelCounts(keys, n, s, strata_groups=(0,) * 10 + (1,) * 10, level_groups=(0, 0, 1, 1, 1))
    found = answer(counts, kernels.next_channels).comparison
    use, gain, p_best = (column(found, name) for name in ("use", "gain", "p_best"))
    assert found.recommendation.key == "email>sms"
    assert gain[:2] @ use[:2] == pytest.approx(0.0, abs=1e-12)
    assert gain[2:] @ use[2:] == pytest.approx(0.0, abs=1e-12)
    assert p_best[:2].sum() == pytest.approx(use[:2].sum())
    assert p_best[2:].sum() == pytest.approx(use[2:].sum())


def test_rate_is_the_mix_moved_by_the_gain() -> None:
    found = answer(drawn(np.random.default_rng(2), [0.8, 0.0])).comparison
    assert found.rate == pytest.approx(sum(x.s for x in found.levels) / sum(x.n for x in found.levels))
    assert logit(found.recommendation.rate) - logit(found.rate) == pytest.approx(found.recommendation.gain)


def test_quantiles_are_roots_of_the_mixture() -> None:
    rng = np.random.default_rng(0)
    weight, mean, variance = rng.dirichlet(np.ones(6), 5), rng.normal(size=(5, 6)), rng.gamma(1.0, size=(5, 6))
    found = quantiles((0.05, 0.95), weight, mean, variance)
    for row in range(5):
        for share, value in zip((0.05, 0.95), found[:, row], strict=True):
            root = brentq(
                lambda x, w, m, v, p: float(w @ norm.cdf((x - m) / np.sqrt(v))) - p,
                -50.0, 50.0, args=(weight[row], mean[row], variance[row], share),
            )  # fmt: skip
            assert value == pytest.approx(root, abs=1e-7)


def test_same_bytes_alone_in_a_crowd_twice_and_from_memory() -> None:
    rng = np.random.default_rng(8)
    crowd = [drawn(rng, rng.normal(size=2 + index % 4) * 0.3, touches=300 + 40 * index) for index in range(40)]

    def written(found: Sequence[Compared]) -> list[bytes]:
        return [canonical_json([one.comparison.to_payload(), one.diagnostics()]) for one in found]

    memo.SLABS.forget()
    alone = [written([answer(counts)])[0] for counts in crowd]
    remembered = written(answers(crowd))
    memo.SLABS.forget()
    together = written(answers(crowd))
    assert alone == remembered == together


def test_a_chance_of_being_real_is_weighed_in_last() -> None:
    """The posterior is remembered whatever pi1; what depends on pi1 is exact nevertheless."""
    counts = drawn(np.random.default_rng(9), [0.4, 0.0, 0.0], touches=700)
    believed, doubted = answer(counts, pi1=0.8), answer(counts, pi1=0.1)
    assert believed.log_bf == doubted.log_bf
    assert logit(believed.p_real) - logit(0.8) == pytest.approx(believed.log_bf)
    ratio = doubted.p_real / believed.p_real
    assert doubted.comparison.confidence == pytest.approx(ratio * believed.comparison.confidence)
    assert doubted.comparison.recommendation.gain == pytest.approx(ratio * believed.comparison.recommendation.gain)


def test_population_learns_how_often_effects_are_real() -> None:
    rng = np.random.default_rng(10)
    for share in (0.15, 0.8):
        real = rng.random(250) < share
        counts = [drawn(rng, rng.normal(size=3) * 0.5 * each, touches=3_000) for each in real]
        evidence = log_bayes_factors(counts, kernels.independent, randomised=[True] * len(counts))
        assert learn_p_real(evidence) == pytest.approx(min(real.mean(), MOST_REAL), abs=0.1)
        assert learn_p_real(evidence[::-1]) == learn_p_real(evidence), "the order of tenants does not matter"
        assert learn_p_real(evidence[:49]) == 0.5
    assert 0.0 < learn_p_real([-50.0] * 200) < 0.02
    assert learn_p_real([800.0] * 200) == MOST_REAL


def test_statistics_may_come_from_elsewhere() -> None:
    counts = drawn(np.random.default_rng(11), [0.5, 0.0])
    statistics = gather([counts], CONFIG)[0]
    direct = compare_statistics("question", [statistics], kernels.independent, randomised=[False])[0]
    assert isinstance(direct, Compared)
    assert direct == answer(counts)


@pytest.mark.parametrize("kind", KERNELS)
def test_kernels_are_correlations(kind: str) -> None:
    kernel, keys = KERNELS[kind]
    matrix = kernel(keys)
    np.testing.assert_allclose(np.diag(matrix), 1.0)
    np.testing.assert_allclose(matrix, matrix.T)
    lower = kernels.factor(kernel, keys)
    assert 0.995 * len(keys) <= np.trace(lower @ lower.T) <= len(keys) * (1 + 1e-9)
    np.testing.assert_allclose(lower @ lower.T, matrix, atol=0.03)


def test_a_whole_week_is_told_by_few_directions_and_strangers_by_all() -> None:
    week = tuple(hour_key(hour) for hour in range(168))
    assert kernels.factor(kernels.hours, week).shape == (168, 53)
    np.testing.assert_allclose(np.abs(kernels.factor(kernels.independent, LETTERS)).sum(axis=0), 1.0)


def test_neighbours_resemble_each_other() -> None:
    hours = kernels.hours(("mon-09", "mon-10", "mon-18", "tue-09", "sat-09", "mon-00", "sun-23"))
    assert hours[0, 1] > hours[0, 2]
    assert hours[0, 3] > hours[0, 4], "working days resemble each other more than Saturday"
    assert hours[5, 6] > hours[2, 5], "the clock is a circle"
    gaps = kernels.gaps(GAP_BINS)
    assert (np.diff(gaps[0]) < 0).all()
    following = kernels.next_channels(("email>sms", "voice>sms", "email>voice"))
    assert following[0, 1] > following[0, 2] == 0.0


def test_settings_that_make_no_sense_are_named() -> None:
    with pytest.raises(ValueError, match="summing to 1"):
        EvidenceConfig(effect_weights=(0.5, 0.5, 0.5, 0.5))
    with pytest.raises(ValueError, match="first drift is none"):
        EvidenceConfig(drift_sd=(0.1,), drift_weights=(1.0,))


def test_overwhelming_evidence_stays_a_probability() -> None:
    """Mixture weights sum to one within rounding, and no probability may show it."""
    rng = np.random.default_rng(5)
    levels = 5
    n = np.full((8, 10, levels), 4_000, np.int64)
    rate = np.array([0.05, 0.1, 0.2, 0.4, 0.6])
    counts = [
        LevelCounts(tuple(map(str, range(levels))), n, rng.binomial(n, np.roll(rate, turn)).astype(np.int64))
        for turn in range(levels)
    ]
    for found in compare("arms", counts, kernels.independent, randomised=[True] * levels):
        assert isinstance(found, Compared)
        assert found.comparison.confidence > 0.999
        for level in found.comparison.levels:
            assert 0.0 <= level.p_better <= 1.0
            assert 0.0 <= level.p_best <= 1.0
        assert all(0.0 <= chance <= 1.0 for chance in found.p_top_beats.values())
