"""Heads of simulated tenants, through the evidence engine and the daily look: the ten-second form of the benchmark."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from algorithms.evidence import Compared, LevelCounts, compare
from algorithms.evidence.kernels import independent
from algorithms.health_levels import Drift, Rows, claim, hypotheses, limit, look, watched
from contracts.levels import Comparison, Level, Recommendation
from simulation.health_worlds import LEVELS, HealthConditions, health_worlds

KEYS = tuple("abcd"[:LEVELS])
LIMIT = limit(1, 0.05)


def looks(conditions: HealthConditions, worlds: int, seed: int) -> Iterator[Drift]:
    """What daily looks find of every head that its history earned; of flat worlds, of what it holds for best."""
    drawn = list(health_worlds(conditions, worlds, seed))
    counts = [LevelCounts(KEYS, *world.history()) for world in drawn]
    for world, result in zip(drawn, compare("channels", counts, independent, randomised=[False] * worlds), strict=True):
        if isinstance(result, Compared) and (result.comparison.claimed or conditions.odds_ratio == 1.0):
            new = world.following()
            yield look(
                result.comparison, Rows(new.day, new.stratum, new.level, new.outcome, KEYS), start=0, limit=LIMIT
            )


def test_a_reversal_is_found_within_three_weeks_and_a_standing_claim_never() -> None:
    turned = list(looks(HealthConditions(weeks=3, conversions=60, use=0.25, turns_at=0), 20, seed=8))
    assert len(turned) >= 19
    assert np.mean([drift.day is not None for drift in turned]) >= 0.8
    assert all(drift.now < 0.0 < drift.claimed for drift in turned if drift.day is not None)
    standing = list(looks(HealthConditions(weeks=26), 20, seed=9))
    assert sum(drift.day is not None for drift in standing) <= 1


def test_flat_tenants_raise_no_alarm_whatever_is_in_force() -> None:
    flat = list(looks(HealthConditions(weeks=26, odds_ratio=1.0), 20, seed=10))
    assert len(flat) == 20
    assert sum(drift.day is not None for drift in flat) <= 1


def _comparison(*levels: tuple[str, float, float, float, float]) -> Comparison:
    """levels: key, use, gain, sd, p_better; the first is recommended."""
    made = tuple(Level(key, 100, 10, use, gain, sd, p, 1.0 / len(levels)) for key, use, gain, sd, p in levels)
    top = made[0]
    return Comparison("q", 1000, 100, 0.1, 0.9, True, False, Recommendation(top.key, top.gain, 0.0, 1.0, 0.1), made)


def test_the_recommended_level_is_watched_alone_unless_it_is_rare() -> None:
    used = _comparison(("a", 0.2, 0.5, 0.1, 0.9), ("b", 0.8, -0.1, 0.1, 0.1))
    assert [level.key for level in watched(used)] == ["a"]
    rare = _comparison(("a", 0.01, 0.5, 0.1, 0.9), ("b", 0.2, 0.3, 0.1, 0.8), ("c", 0.79, -0.1, 0.1, 0.1))
    assert [level.key for level in watched(rare)] == ["a", "b"]


def test_a_gain_against_the_mix_is_larger_against_the_others() -> None:
    comparison = _comparison(("a", 0.2, 0.5, 0.1, 0.9), ("b", 0.8, -0.125, 0.1, 0.1))
    claimed, stands = claim(comparison, watched(comparison))
    assert claimed == pytest.approx(0.625)
    assert stands == pytest.approx((0.5 - 1.28155 * 0.1) / 0.8, rel=1e-4), "the interval's end, below four fifths"
    assert hypotheses(claimed, stands).turned[0] == pytest.approx(-0.625), "the same with the other sign"
    pairs = _comparison(("x>a", 0.1, 0.4, 0.01, 0.9), ("x>b", 0.1, -0.4, 0.01, 0.1), ("y>a", 0.8, 0.0, 0.1, 0.5))
    assert claim(pairs, watched(pairs))[0] == pytest.approx(0.8), "of its own group, it has half"


def test_a_weak_claim_has_room_to_move() -> None:
    weak = _comparison(("a", 0.5, 0.1, 0.2, 0.7), ("b", 0.5, -0.1, 0.2, 0.3))
    claimed, stands = claim(weak, watched(weak))
    assert stands < 0.0
    assert hypotheses(claimed, stands).turned[0] <= stands - 0.3
