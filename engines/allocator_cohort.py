"""A cohort of leads decided at once: as `allocator.decide` decides each, while no cap runs out between them.

Rows are leads, columns the hours of their zones (allocator_hours.Grid). Channels are bits of a mask, so that the engine
of HOW is asked once for every (previous channel, set of feasible channels) and not once a lead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from contracts.allocation import Policy
from contracts.how import NO_CHANNEL
from contracts.outcomes import CHANNELS
from contracts.refusal import Reason
from contracts.when import GAP_BINS, GAP_EDGES
from engines import exploration, how, when
from engines.allocator_hours import Grid
from engines.exploration import UNKNOWN, Bools, Floats

PREVIOUS = (*CHANNELS, NO_CHANNEL)
SETS = 2 ** len(CHANNELS)
BITS = 2 ** np.arange(len(CHANNELS))
DAY_IN_MICROSECONDS = 86_400 * 10**6
GAP_STARTS = np.array(GAP_EDGES) * DAY_IN_MICROSECONDS

NONE = -1
"""No channel, no hour, no gap; and for instants, no touch before."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Leads:
    """Leads as arrays of (rows,), and the lots of each question.

    previous: place in PREVIOUS. zone: row of the grid. earliest, last: microseconds; last is NONE before the first
    touch. reach: (rows, channels).
    """

    previous: NDArray[np.int8]
    zone: NDArray[np.int64]
    earliest: Ints
    last: Ints
    reach: Bools
    channel_lot: Floats
    gap_lot: Floats
    hour_lot: Floats

    def rows(self, at: slice) -> Leads:
        return Leads(*(getattr(self, each.name)[at] for each in fields(self)))


@dataclass(frozen=True, slots=True)
class Choices:
    """What was chosen, as arrays of (rows,).

    channel, hour (column of the grid), gap: NONE where there is none. feasible: bits of the channels that were. known:
    a claim decided about the hour.
    """

    channel: NDArray[np.int8]
    hour: NDArray[np.int16]
    gap: NDArray[np.int8]
    feasible: NDArray[np.int8]
    channel_propensity: Floats
    gap_propensity: Floats
    hour_propensity: Floats
    channel_explored: Bools
    time_explored: Bools
    known: Bools

    def rows(self, at: slice) -> Choices:
        return Choices(*(getattr(self, each.name)[at] for each in fields(self)))

    def cells(self, leads: Leads, grid: Grid) -> NDArray[np.intp]:
        """(rows,) channel × days + day: the cap that each takes from; NONE where nothing was chosen."""
        day = grid.day[leads.zone, np.maximum(self.hour, 0)]
        return np.where(self.channel == NONE, NONE, self.channel.astype(np.intp) * len(grid.days) + day)


def joined(parts: Sequence[Choices]) -> Choices:
    return Choices(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Choices)))


@dataclass(frozen=True, slots=True)
class Channels:
    """The answers of HOW for each previous channel and set of feasible ones, by (previous, bits[, channel])."""

    chances: Floats = field(default_factory=lambda: np.zeros((len(PREVIOUS), SETS, len(CHANNELS))))
    fallback: dict[tuple[int, int], Reason | None] = field(default_factory=dict)
    because: dict[tuple[int, int, int], str] = field(default_factory=dict)


def channels(advice: how.Advice, policy: Policy) -> Channels:
    """Ask HOW everything that it can be asked: 6 previous channels × 31 sets."""
    answers = Channels()
    for before, previous in enumerate(PREVIOUS):
        for bits in range(1, SETS):
            arms = list(compress(range(len(CHANNELS)), map(bool, bits & BITS)))
            preferred = how.preference(advice, previous, tuple(CHANNELS[arm] for arm in arms))
            answers.chances[before, bits, arms] = how.probabilities(preferred, policy)
            answers.fallback[before, bits] = preferred.fallback
            for place, arm in enumerate(arms):
                chance = float(answers.chances[before, bits, arm])
                explored = exploration.tried(chance, len(arms), policy.exploration)
                answers.because[before, bits, arm] = how.in_words(
                    advice, preferred, previous, place, CHANNELS[arm], explored=explored
                )
    return answers


def decide(leads: Leads, open_days: Bools, grid: Grid, answers: Channels, advice: when.Advice, rule: Policy) -> Choices:
    """The choices of a cohort. open_days: (channels, days) whose cap is not used up."""
    free_days = grid.last[leads.zone] >= leads.earliest[:, None]  # (rows, days)
    feasible = leads.reach & (free_days.astype(np.int8) @ open_days.T.astype(np.int8) > 0)
    bits = (feasible @ BITS).astype(np.int8)
    channel = exploration.draw_frame(answers.chances[leads.previous, bits], leads.channel_lot)
    chance = answers.chances[leads.previous, bits, channel]
    hours = (grid.at[leads.zone] >= leads.earliest[:, None]) & open_days[channel[:, None], grid.day[leads.zone]]
    gap, gap_chance, gap_tried, hours = _within_gaps(leads, hours, grid, advice, rule)
    hour_chances, known = _hour_chances(grid.hour[leads.zone], hours, advice, rule)
    hour = exploration.draw_frame(hour_chances, leads.hour_lot)
    hour_chance = hour_chances[np.arange(len(hour)), hour]
    chosen = bits > 0
    return Choices(
        channel=np.where(chosen, channel, NONE).astype(np.int8),
        hour=np.where(chosen, hour, NONE).astype(np.int16),
        gap=np.where(chosen, gap, NONE).astype(np.int8),
        feasible=bits,
        channel_propensity=chance,
        gap_propensity=gap_chance,
        hour_propensity=hour_chance,
        channel_explored=_tried(chance, feasible, rule),
        time_explored=gap_tried | (known & _tried(hour_chance, hours, rule)),
        known=known,
    )


def _within_gaps(
    leads: Leads, hours: Bools, grid: Grid, advice: when.Advice, rule: Policy
) -> tuple[NDArray[np.intp], Floats, Bools, Bools]:
    """(rows,) the bin that each lot falls on, NONE where none was asked for; its probability; whether it was tried to
    learn; and (rows, hours) those of the feasible hours that lie in it."""
    certain, nowhere = np.ones(len(hours)), np.full(len(hours), NONE)
    if advice.gaps is None:
        return nowhere, certain, np.zeros(len(hours), bool), hours
    bins = np.searchsorted(GAP_STARTS, grid.at[leads.zone] - leads.last[:, None], side="right")
    held = np.stack([(hours & (bins == each)).any(axis=1) for each in range(len(GAP_BINS))], axis=1)
    gain = np.where(held, np.array(advice.gaps.gain), UNKNOWN)
    p_best = np.broadcast_to(np.array(advice.gaps.p_best), held.shape)
    chances = exploration.probabilities_frame(p_best, gain, held, rule.exploration)
    gap = exploration.draw_frame(chances, leads.gap_lot)
    chance = chances[np.arange(len(gap)), gap]
    asked = (leads.last != NONE) & (gain.max(axis=1) > UNKNOWN)
    return (
        np.where(asked, gap, nowhere),
        np.where(asked, chance, certain),
        asked & _tried(chance, held, rule),
        hours & (~asked[:, None] | (bins == gap[:, None])),
    )


def _hour_chances(
    hour_of_week: NDArray[np.int16], hours: Bools, advice: when.Advice, rule: Policy
) -> tuple[Floats, Bools]:
    """(rows, hours) probabilities of the feasible hours, and (rows,) whether a claim decides."""
    even = exploration.even_frame(hours)
    if advice.hours is None:
        return even, np.zeros(len(hours), bool)
    p_best = np.array(advice.hours.p_best)[hour_of_week]
    gain = np.where(hours, np.array(advice.hours.gain)[hour_of_week], UNKNOWN)
    known = gain.max(axis=1) > UNKNOWN
    claimed = exploration.probabilities_frame(p_best, gain, hours, rule.exploration)
    return np.where(known[:, None], claimed, even), known


def _tried(chance: Floats, feasible: Bools, rule: Policy) -> Bools:
    return exploration.tried_frame(chance, np.maximum(feasible.sum(axis=1), 1), rule.exploration)
