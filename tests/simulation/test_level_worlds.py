"""Are small worlds what they say? Planted odds come back by plain counting, null is null, confounding confounds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from simulation.level_effects import BLOCKS, DRIFT_SDS, STRATA, Conditions
from simulation.level_worlds import (
    CHANNELS,
    HOUR,
    NOTHING,
    TOUCHES,
    WEEKDAY,
    HowWorlds,
    LevelWorlds,
    hour_similarity,
    how_worlds,
    pair_similarity,
    until,
    what_worlds,
    when_worlds,
)

Floats = NDArray[np.float64]
World = Callable[[Conditions, np.random.Generator], LevelWorlds]
WORLDS: dict[str, World] = {"what": what_worlds, "when": when_worlds, "how": how_worlds}

FREE = Conditions(worlds=40, size=20_000, confounding=0.0, score_noise=0.0)


def log_odds_against_mix(world: LevelWorlds) -> Floats:
    """(worlds, levels) of raw rates, minus their mean over touches."""
    used, converted = world.used(), world.converted()
    felt = np.log((converted + 0.5) / (used - converted + 0.5))
    found: Floats = felt - (felt * used).sum(axis=1, keepdims=True) / used.sum(axis=1, keepdims=True)
    return found


def planted_against_mix(world: LevelWorlds) -> Floats:
    use = world.used() / world.used().sum(axis=1, keepdims=True)
    against: Floats = world.effects.lasting - (world.effects.lasting * use).sum(axis=1, keepdims=True)
    return against


@pytest.mark.parametrize("name", WORLDS)
def test_equal_seeds_give_equal_worlds_and_rows_are_in_order(name: str) -> None:
    conditions = Conditions(worlds=3, size=200, base_rate=0.1, drift=0.2)
    one, same, other = (WORLDS[name](conditions, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.outcome, same.outcome)
    assert np.array_equal(one.level, same.level)
    assert len(one.outcome) != len(other.outcome) or not np.array_equal(one.outcome, other.outcome)
    assert (np.diff(one.world) >= 0).all()
    assert (np.diff(one.block)[np.diff(one.world) == 0] >= 0).all()
    assert set(one.block) == set(range(BLOCKS))
    assert one.stratum.min() >= 0
    assert one.stratum.max() < STRATA


@pytest.mark.parametrize("name", WORLDS)
def test_a_null_world_is_null_where_nothing_confounds(name: str) -> None:
    """Chi-square of levels against outcomes stays at its degrees of freedom."""
    world = WORLDS[name](Conditions(worlds=40, size=20_000, confounding=0.0, effects="null", base_rate=0.3), rng(3))
    if isinstance(world, HowWorlds):  # later touches fare worse there whatever they are: look at first ones alone
        first = world.step == 0
        used = np.bincount(world.world[first] * 4 + world.channel[first]).reshape(40, 4)
        won = first & world.outcome
        converted = np.bincount(world.world[won] * 4 + world.channel[won]).reshape(40, 4)
    else:
        used, converted = world.used(), world.converted()
    rate = converted.sum(axis=1, keepdims=True) / used.sum(axis=1, keepdims=True)
    chi_square = ((converted - used * rate) ** 2 / (used * rate * (1 - rate))).sum()
    freedom = 40 * (used.shape[1] - 1)
    assert not world.effects.real.any()
    assert not world.effects.lasting.any()
    assert abs(chi_square - freedom) < 4 * np.sqrt(2 * freedom)


def test_the_planted_arm_has_its_odds_ratio() -> None:
    world = what_worlds(FREE, rng(4), odds_ratio=2.0)
    arm = world.effects.lasting.argmax(axis=1)
    used, converted = world.used(), world.converted()
    each = np.arange(40)
    won, lost = converted[each, arm], (used - converted)[each, arm]
    rest_won, rest_lost = converted.sum(axis=1) - won, (used - converted).sum(axis=1) - lost
    found = np.log(won / lost) - np.log(rest_won / rest_lost)
    assert world.effects.real.all()
    assert found.mean() == pytest.approx(np.log(2.0), abs=0.02)
    assert len(set(arm)) == 5


def test_planted_hours_come_back() -> None:
    world = when_worlds(FREE, rng(5))
    found, planted = log_odds_against_mix(world), planted_against_mix(world)
    often = world.used() > 150
    slope = (found * planted)[often].sum() / (planted**2)[often].sum()
    assert slope == pytest.approx(1.0, abs=0.03)
    best = planted.argmax(axis=1)
    assert (WEEKDAY[best] < 5).all()
    assert (abs(HOUR[best] - 13) <= 5).all()
    assert planted.max(axis=1).mean() == pytest.approx(0.93, abs=0.05)


def test_planted_channels_come_back_at_the_first_touch() -> None:
    world = how_worlds(FREE, rng(6))
    first = world.step == 0
    assert (world.previous[first] == NOTHING).all()
    place = world.world[first] * CHANNELS + world.channel[first]
    used = np.bincount(place).reshape(40, CHANNELS)
    converted = np.bincount(place, world.outcome[first]).reshape(40, CHANNELS)
    found = np.log(converted / (used - converted))
    planted = world.effects.lasting.reshape(40, CHANNELS + 1, CHANNELS)[:, NOTHING]
    error = (found - found.mean(axis=1, keepdims=True)) - (planted - planted.mean(axis=1, keepdims=True))
    assert np.sqrt((error**2).mean()) < 0.04


def test_paths_end_with_their_conversion_and_remember_the_channel_before() -> None:
    world = how_worlds(Conditions(worlds=5, size=2_000, base_rate=0.04), rng(7))
    same = (np.diff(world.world) == 0) & (np.diff(world.lead) == 0)
    assert not world.outcome[:-1][same].any()
    assert np.array_equal(world.previous[1:][same], world.channel[:-1][same])
    assert np.array_equal(world.step[1:][same], world.step[:-1][same] + 1)
    last = ~np.append(same, False)
    assert (world.outcome | (world.step == TOUCHES - 1))[last].all()


@pytest.mark.parametrize("name", WORLDS)
def test_confounding_confounds_naive_rates_and_deciles_undo_most_of_it(name: str) -> None:
    """Where levels are equal, raw log-odds spread far beyond chance; within score deciles little is left."""
    conditions = Conditions(worlds=30, size=20_000, effects="null", base_rate=0.2)
    world = WORLDS[name](conditions, rng(8))
    hard = raw_spread(world, np.zeros_like(world.stratum))
    eased = raw_spread(world, world.stratum)
    assert hard > 4.0
    assert eased - 1.0 < (hard - 1.0) / 4.0


def raw_spread(world: LevelWorlds, strata: NDArray[np.int64]) -> float:
    """Mean z² of what a level gets beyond its expectation within strata; 1 where only chance is at work."""
    step = world.step if isinstance(world, HowWorlds) else np.zeros_like(strata)
    cell = (world.world * STRATA + strata) * TOUCHES + step
    rate = np.bincount(cell, world.outcome) / np.maximum(np.bincount(cell), 1)
    place = world.world * world.levels + world.level
    surplus = np.bincount(place, world.outcome - rate[cell])
    variance = np.bincount(place, (rate * (1 - rate))[cell])
    return float((surplus**2)[variance > 5].sum() / variance[variance > 5].sum())


def test_drift_moves_levels_and_the_next_period_moves_on() -> None:
    effects = what_worlds(Conditions(worlds=2_000, size=8, effects="null", drift=0.4), rng(9)).effects
    assert effects.moving.std() == pytest.approx(0.4, abs=0.01)
    assert effects.following.std() == pytest.approx(0.4, abs=0.02)
    assert abs(np.corrcoef(effects.following.ravel(), effects.moving[:, -1].ravel())[0, 1]) < 0.05
    still = what_worlds(Conditions(worlds=20, size=8), rng(9)).effects
    assert np.array_equal(still.lasting, still.following)


def test_prior_worlds_follow_the_stated_prior() -> None:
    effects = what_worlds(Conditions(worlds=4_000, size=8, effects="prior"), rng(10)).effects
    assert effects.real.mean() == pytest.approx(0.5, abs=0.03)
    assert not effects.lasting[~effects.real].any()
    variance = 0.2 * 0.01 + 0.3 * 0.04 + 0.3 * 0.16 + 0.2 * 0.64
    assert (effects.lasting[effects.real] ** 2).mean() == pytest.approx(variance, rel=0.1)
    moved = effects.moving.std(axis=(1, 2))
    assert (moved == 0).mean() == pytest.approx(0.55, abs=0.03)
    assert moved.max() < 2 * max(DRIFT_SDS)


def test_prior_effects_of_neighbouring_hours_go_together() -> None:
    lasting = when_worlds(Conditions(worlds=4_000, size=8, effects="prior"), rng(11)).effects.lasting
    found, stated = np.cov(lasting.T), hour_similarity()
    assert np.allclose(found / np.trace(found), stated / np.trace(stated), atol=2e-3)
    assert np.allclose(np.diag(stated), 1.0)
    assert np.allclose(np.diag(pair_similarity()), 1.0)


def test_texts_of_one_arm_differ_by_the_stated_spread() -> None:
    world = what_worlds(
        Conditions(worlds=60, size=20_000, effects="null", confounding=0.0), rng(12), templates=5, template_sd=0.2
    )
    place = world.world * 25 + world.template
    used, converted = np.bincount(place), np.bincount(place, world.outcome)
    felt = np.log(converted / (used - converted)).reshape(60, 25)
    chance = (1 / converted + 1 / (used - converted)).mean()
    assert np.array_equal(world.template // 5, world.level)
    assert felt.var(axis=1, ddof=1).mean() - chance == pytest.approx(0.04, abs=0.006)


def test_worlds_can_be_stopped_at_a_number_of_conversions() -> None:
    whole = what_worlds(Conditions(worlds=20, size=3_000, base_rate=0.1), rng(13), arms=2, odds_ratio=3.0)
    cut = until(whole, conversions=200)
    assert (cut.converted().sum(axis=1) == 200).all()
    assert (cut.used() <= whole.used()).all()
    for world in range(20):
        blocks = np.bincount(cut.block[cut.world == world])
        assert len(blocks) == BLOCKS
        assert np.ptp(blocks) <= 1
        assert cut.outcome[cut.world == world][-1]


def test_a_world_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="rate inside"):
        Conditions(base_rate=1.0)
    with pytest.raises(ValueError, match="drift"):
        Conditions(effects="prior", drift=0.2)


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)
