"""Worlds in which a published level stays better, or turns: what is planted is there, and only when it should be."""

from __future__ import annotations

import numpy as np
import pytest

from simulation.health_worlds import HISTORY_WEEKS, HealthConditions, HealthWorld, health_worlds


def _odds_ratio(world: HealthWorld, since: int, until: int) -> float:
    """Crude, of the level in question against all others, within strata pooled by Mantel and Haenszel."""
    rows = (world.day >= since) & (world.day < until)
    above, below = 0.0, 0.0
    for stratum in np.unique(world.stratum[rows]):
        here = rows & (world.stratum == stratum)
        ours, won = world.level[here] == 0, world.outcome[here]
        above += (ours & won).sum() * (~ours & ~won).sum() / here.sum()
        below += (ours & ~won).sum() * (~ours & won).sum() / here.sum()
    return float(above / below)


def test_a_level_is_better_and_then_turns() -> None:
    conditions = HealthConditions(weeks=40, conversions=120, turns_at=10, confounding=0.0)
    ratios = np.array(
        [
            (_odds_ratio(world, -7 * HISTORY_WEEKS, 0), _odds_ratio(world, 0, 70), _odds_ratio(world, 70, 280))
            for world in health_worlds(conditions, 4, seed=3)
        ]
    )
    assert np.abs(np.log(ratios.mean(axis=0) / (2.0, 2.0, 0.5))).max() < 0.15


def test_conversions_and_use_are_as_asked() -> None:
    for world in health_worlds(HealthConditions(conversions=50, use=0.3, weeks=4), 2, seed=5):
        old = world.day < 0
        assert world.outcome[old].sum() / HISTORY_WEEKS == pytest.approx(50, rel=0.12)
        assert (world.level == 0).mean() == pytest.approx(0.3, abs=0.03)
        assert np.all(np.diff(world.day) >= 0)
        n, s = world.history()
        assert n.sum() == old.sum()
        assert s.sum() == world.outcome[old].sum()
        assert world.following().day.min() >= 0


def test_the_same_seed_gives_the_same_world() -> None:
    conditions = HealthConditions(weeks=4)
    first, second = (next(health_worlds(conditions, 1, seed=9)) for _ in range(2))
    assert np.array_equal(first.outcome, second.outcome)
    assert np.array_equal(first.level, second.level)


def test_conditions_that_draw_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="wanted shares"):
        HealthConditions(use=1.0)
