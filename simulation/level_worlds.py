"""Three kinds of small world with planted truth: for WHAT, WHEN and HOW. Many worlds are drawn at once.

In each, leads have a quality q ~ N(0, 1) that nobody sees. Better leads get certain levels more often, and convert more
often whatever they get: that is the confounding. A score sees q with an error and is logged as a decile; what is left
of q within a decile confounds even those who stratify. Rows come in order of time, in eight blocks of equal size.

    P(outcome) = expit(logit(base_rate) + .9 · confounding · q + effect of the level + its drift in this block)

What is right: a level is better where its effect in the next period lies above the mix of levels that was used, and the
world is real. In a world that drifts without a lasting effect nothing is right, however a level did so far.

Formulas: detectors.md, §0, §3, §4 and §7. Written down before any learner of levels existed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulation.level_effects import (
    BLOCKS,
    OUTCOME_SLOPE,
    Conditions,
    Effects,
    Floats,
    Index,
    draw_effects,
    happens,
    in_time,
    pick,
    strata,
)

# WHEN: touches fall into fourteen hours of seven days
HOURS, WEEKDAYS = 14, 7
FIRST_HOUR = 7
HOUR = np.repeat(np.arange(FIRST_HOUR, FIRST_HOUR + HOURS), WEEKDAYS)
"""(98,) lead-local hour of each cell."""
WEEKDAY = np.tile(np.arange(WEEKDAYS), HOURS)
"""(98,) day of each cell, 0 for Monday."""

PEAK, BEST_DAY, WEEKEND = 0.9, 0.4, -0.5

# HOW: four channels, five things that can stand before one (the last: nothing)
CHANNELS, TOUCHES = 4, 6
NOTHING = CHANNELS
CHANNEL_USE = (0.5, 0.25, 0.15, 0.1)
CHANNEL_SD, PAIR_SD, LATE_SD, FATIGUE = 0.6, 0.35, 0.8, -0.2


@dataclass(frozen=True)
class LevelWorlds:
    """Touches at risk, world after world, in order of time within each, and the truth about their levels.

    world, block, stratum, level: (rows,) indices from 0. outcome: (rows,).
    """

    conditions: Conditions
    effects: Effects
    world: Index
    block: Index
    stratum: Index
    level: Index
    outcome: NDArray[np.bool_]

    @property
    def levels(self) -> int:
        return int(self.effects.lasting.shape[1])

    def used(self) -> Index:
        """(worlds, levels) touches of each level."""
        return _table(self.world, self.level, self.effects.lasting.shape)

    def converted(self) -> Index:
        """(worlds, levels) touches of each level that led to an outcome."""
        return _table(self.world[self.outcome], self.level[self.outcome], self.effects.lasting.shape)


@dataclass(frozen=True)
class WhatWorlds(LevelWorlds):
    """template: (rows,) index within its world; those of arm k are k·per_arm … k·per_arm + per_arm − 1."""

    template: Index
    per_arm: int


@dataclass(frozen=True)
class HowWorlds(LevelWorlds):
    """lead: (rows,) index within its world; step: 0 for a first touch; previous: channel before, NOTHING for none.

    Levels are pairs: CHANNELS · previous + channel.
    """

    lead: Index
    step: Index

    @property
    def channel(self) -> Index:
        return self.level % CHANNELS

    @property
    def previous(self) -> Index:
        return self.level // CHANNELS


def what_worlds(
    conditions: Conditions,
    rng: np.random.Generator,
    *,
    arms: int = 5,
    odds_ratio: float = 2.0,
    templates: int = 4,
    template_sd: float = 0.0,
) -> WhatWorlds:
    """Messages of `arms` kinds (the levels of one feature), `templates` texts each.

    Planted: one arm has `odds_ratio`. Use of the arms ~ Dirichlet(5, …), tilted by confounding · N(0, 1) · q for each
    arm. template_sd: log-odds by which texts of one kind differ for good.

    How hard (measured, 5 arms, base .30, confounding 1, no template_sd): who knows q finds the planted arm's log-odds
    of .69 with a standard error of .13 at 2,000 touches (.27 at 500, .62 at 100). Who compares raw rates sees, where
    arms are equal, gaps with a standard deviation of .56 between an arm and the rest; within score deciles .12 is left.
    """
    worlds, levels = conditions.worlds, np.arange(arms)
    planted = np.log(odds_ratio) * (levels == rng.integers(arms, size=worlds)[:, None])
    effects = draw_effects(planted, np.eye(arms), conditions, rng)
    use = np.log(rng.dirichlet(np.full(arms, 5.0), worlds))
    tilt = conditions.confounding * rng.normal(size=(worlds, arms))
    texts = template_sd * rng.normal(size=(worlds, arms * templates))

    world, block = in_time(conditions)
    quality = rng.normal(size=len(world))
    level = pick(use[world] + quality[:, None] * tilt[world], rng)
    template = level * templates + rng.integers(templates, size=len(world))
    log_odds = conditions.intercept + OUTCOME_SLOPE * conditions.confounding * quality
    outcome = happens(log_odds + effects.at(world, block, level) + texts[world, template], rng)
    stratum = strata(quality, conditions.score_noise, rng)
    return WhatWorlds(conditions, effects, world, block, stratum, level, outcome, template, templates)


def until(worlds: WhatWorlds, conversions: int) -> WhatWorlds:
    """The same worlds as they were when each had had so many conversions, cut into eight blocks anew."""
    before: Index = np.cumsum(worlds.outcome) - worlds.outcome
    starts = np.searchsorted(worlds.world, np.arange(worlds.conditions.worlds))
    kept = before - before[starts][worlds.world] < conversions
    world = worlds.world[kept]
    sizes = np.bincount(world, minlength=worlds.conditions.worlds)
    place = np.arange(len(world)) - (np.cumsum(sizes) - sizes)[world]
    return replace(
        worlds,
        world=world,
        block=place * BLOCKS // sizes[world],
        stratum=worlds.stratum[kept],
        level=worlds.level[kept],
        outcome=worlds.outcome[kept],
        template=worlds.template[kept],
    )


def hour_similarity() -> Floats:
    """(98, 98) how far cells of the week share their effects: near hours of the circle, the same day or kind of day."""
    apart = np.sin(np.pi * np.subtract.outer(HOUR, HOUR) / 24.0)
    same_day = np.equal.outer(WEEKDAY, WEEKDAY)
    same_kind = np.equal.outer(WEEKDAY >= 5, WEEKDAY >= 5)
    day = 0.6 * same_day + 0.4 * same_kind
    shared: Floats = 0.5 * np.exp(-2.0 * apart**2 / 0.6**2) + 0.35 * day + 0.15 * np.eye(len(HOUR))
    return shared


def when_worlds(conditions: Conditions, rng: np.random.Generator) -> LevelWorlds:
    """Touches in 98 cells of the lead's week: hours 7 … 20 of seven days.

    Planted: a bump of .9 (SD 2 h) around an hour from 8 to 18, one weekday with .4, weekends with −.5. Touches crowd
    around noon and shun weekends; better leads are reached in the morning, around an hour from 8 to 11.

    How hard (measured): the best cell lies .93 above the mix. At 2,000 touches four cells in ten hold fewer than 20, so
    that their raw rates have a standard error above .5 in log-odds: to be right, neighbours must be asked.
    """
    worlds = conditions.worlds
    peak, best = rng.integers(8, 19, worlds), rng.integers(5, size=worlds)
    planted = PEAK * np.exp(-0.5 * ((HOUR - peak[:, None]) / 2.0) ** 2)
    planted += np.where(best[:, None] == WEEKDAY, BEST_DAY, 0.0) + np.where(WEEKDAY >= 5, WEEKEND, 0.0)
    effects = draw_effects(planted, hour_similarity(), conditions, rng)
    hours = np.arange(FIRST_HOUR, FIRST_HOUR + HOURS)
    morning = np.exp(-0.5 * ((hours - rng.integers(8, 12, worlds)[:, None]) / 2.0) ** 2)
    days = np.where(np.arange(WEEKDAYS) >= 5, np.exp(-2.0), 1.0)

    world, block = in_time(conditions)
    quality = rng.normal(size=len(world))
    habit = -0.15 * ((hours - 12) / 4.0) ** 2
    hour = pick(habit + conditions.confounding * quality[:, None] * morning[world], rng)
    level = hour * WEEKDAYS + rng.choice(WEEKDAYS, len(world), p=days / days.sum())
    log_odds = conditions.intercept + OUTCOME_SLOPE * conditions.confounding * quality
    outcome = happens(log_odds + effects.at(world, block, level), rng)
    stratum = strata(quality, conditions.score_noise, rng)
    return LevelWorlds(conditions, effects, world, block, stratum, level, outcome)


def pair_similarity() -> Floats:
    """(20, 20) how far pairs (previous, channel) share their effects: the channel is most of it."""
    channel = np.tile(np.arange(CHANNELS), CHANNELS + 1)
    shared: Floats = 0.7 * np.equal.outer(channel, channel) + 0.3 * np.eye(len(channel))
    return shared


def how_worlds(conditions: Conditions, rng: np.random.Generator) -> HowWorlds:
    """Leads that get up to six touches on four channels, until one converts them.

    Planted: channels differ by N(0, .6²), pairs of previous and next channel by N(0, .35²) on top. Every further touch
    loses .2. Better leads get one favourite channel more often, and habits change from the fourth touch on, so that who
    is still there, and what they get, both depend on quality.

    How hard (measured, base .04, confounding 1): 2,000 leads give 10,600 touches at risk and 430 outcomes; the best of
    four channels lies .65 above their mix, the least used has 10 % of the touches. Leads that are left at the sixth
    touch are .15 score SDs worse than those at the first.
    """
    worlds, pairs = conditions.worlds, (CHANNELS + 1) * CHANNELS
    pair = PAIR_SD * rng.normal(size=(worlds, CHANNELS + 1, CHANNELS))
    pair[:, NOTHING] = 0.0
    planted = (CHANNEL_SD * rng.normal(size=(worlds, 1, CHANNELS)) + pair).reshape(worlds, pairs)
    effects = draw_effects(planted, pair_similarity(), conditions, rng)
    favourite = np.arange(CHANNELS) == rng.integers(CHANNELS, size=worlds)[:, None]
    late = LATE_SD * rng.normal(size=(worlds, CHANNELS))

    world, block = in_time(conditions)
    quality = rng.normal(size=len(world))
    stratum = strata(quality, conditions.score_noise, rng)
    lead = np.tile(np.arange(conditions.size), worlds)
    waiting, previous = np.arange(len(world)), np.full(len(world), NOTHING)  # both of the leads still at risk
    steps: list[tuple[Index, Index, NDArray[np.bool_]]] = []
    for step in range(TOUCHES):
        of = world[waiting]
        wanted = conditions.confounding * quality[waiting, None] * favourite[of] + (step >= 3) * late[of]
        channel = pick(np.log(CHANNEL_USE) + wanted, rng)
        level = CHANNELS * previous + channel
        log_odds = conditions.intercept + FATIGUE * step + OUTCOME_SLOPE * conditions.confounding * quality[waiting]
        outcome = happens(log_odds + effects.at(of, block[waiting], level), rng)
        steps.append((waiting, level, outcome))
        waiting, previous = waiting[~outcome], channel[~outcome]

    touched, levels, outcomes = (np.concatenate(parts) for parts in zip(*steps, strict=True))
    numbers = np.repeat(np.arange(TOUCHES), [len(rows) for rows, _, _ in steps])
    order = np.argsort(touched, kind="stable")  # lead after lead, touches in order
    row = touched[order]
    return HowWorlds(
        conditions, effects, world[row], block[row], stratum[row], levels[order], outcomes[order], lead[row],
        numbers[order],
    )  # fmt: skip


def _table(world: Index, level: Index, shape: tuple[int, ...]) -> Index:
    return np.bincount(world * shape[1] + level, minlength=shape[0] * shape[1]).reshape(shape)
