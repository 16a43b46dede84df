"""Which channel gets the credit for a conversion? Five answers to a question about the past; none of them decides.

All of them are read off additive counts of paths, never off lists of paths:

- last, first: the channel that a converting path ends, or begins, with;
- linear: every touch of a converting path gets an equal share;
- Markov: what P(conversion) loses when a channel is removed from the chain of order 1 that the paths walked (Anderl et
  al. 2016), in closed form from the absorption probabilities instead of by simulated walks;
- Shapley: with v(S) the conversion rate of paths that stay within the channels S, a channel's mean marginal
  contribution over all orders of adding channels. Rates are not monotone, so a credit may be negative.

Credits of each rule sum to the conversions. Measured on planted truth, every one of them ranks channels worse than
hazards do (docs/how.md), because it credits a channel for the leads it was used on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contracts.errors import MappingError
from contracts.how import Credit

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

SHARE = math.lcm(*range(1, 17))
"""Parts that one conversion is cut into (720,720): whole shares for every touch of paths of up to 16 touches."""

EXACT_CHANNELS = 16
"""Up to so many channels Shapley runs over all 2^C sets (65,536 at most); above it, over sampled orders."""

ORDERS = 2_000
"""Sampled orders of channels where there are too many for all sets."""

ARROW = " > "
"""Between the channels of a path in aggregated path files."""


@dataclass(frozen=True, slots=True)
class PathCounts:
    """What the rules need to know of many paths through C channels; adding two of them merges their paths.

    transitions: (C + 1, C + 2) steps, from each channel and, in the last row, from the start, to each channel, to
    conversion, to none. first, last: (C,) conversions of paths that begin, end there. linear: (C,) conversions in
    parts of 1 / SHARE. members: (M, C) the sets of channels that paths went through. paths, converted: (M,) by set.
    """

    channels: tuple[str, ...]
    transitions: Counts
    first: Counts
    last: Counts
    linear: Counts
    members: NDArray[np.bool_]
    paths: Counts
    converted: Counts

    @property
    def conversions(self) -> int:
        return int(self.last.sum())


def credit(counts: PathCounts, seed: int = 0) -> tuple[Credit, ...]:
    """What each rule credits each channel with, in the order of `counts.channels`.

    seed: of the orders that Shapley samples above EXACT_CHANNELS channels.
    """
    rules = (
        counts.last.astype(np.float64),
        counts.first.astype(np.float64),
        counts.linear / SHARE,
        markov(counts.transitions),
        shapley(counts.members, counts.paths, counts.converted, seed),
    )
    return tuple(
        Credit(channel, *(float(rule[index]) for rule in rules)) for index, channel in enumerate(counts.channels)
    )


def markov(transitions: Counts) -> Floats:
    """(C,) conversions by removal effect. transitions: as in PathCounts.

    A removed channel sends whoever would enter it to no conversion. Effects are scaled to sum to the conversions.
    """
    conversions = float(transitions[:, -2].sum())
    effects = removal_effects(transitions)
    total = float(effects.sum())
    shares: Floats = effects * (conversions / total) if total > 0 else np.zeros(len(effects))
    return shares


def removal_effects(transitions: Counts) -> Floats:
    """(C,) relative loss of P(conversion | start) when a channel is removed."""
    count = transitions.shape[1] - 2
    whole = conversion_probability(transitions[None].astype(np.float64))[0]
    if whole == 0.0:
        return np.zeros(count)
    without = np.repeat(transitions[None].astype(np.float64), count, axis=0)
    removed = np.arange(count)
    without[removed, :, -1] += without[removed, :, removed]
    without[removed, :, removed] = 0.0
    without[removed, removed, :] = 0.0
    effects: Floats = 1.0 - conversion_probability(without) / whole
    return effects


def conversion_probability(transitions: Floats) -> Floats:
    """(B,) P(conversion | start) of B chains, (B, C + 1, C + 2): (I − Q)⁻¹ r, Q between states, r to conversion."""
    leaving = transitions.sum(axis=2, keepdims=True)
    moves = np.divide(transitions, leaving, out=np.zeros_like(transitions), where=leaving > 0)
    states = transitions.shape[1]
    between = np.zeros((len(transitions), states, states))
    between[:, :, :-1] = moves[:, :, :-2]  # nothing leads back to the start
    reached: Floats = np.linalg.solve(np.eye(states) - between, moves[:, :, -2:-1])[:, -1, 0]
    return reached


def shapley(members: NDArray[np.bool_], paths: Counts, converted: Counts, seed: int = 0) -> Floats:
    """(C,) conversions by Shapley value of the conversion rate within sets of channels. Arguments as in PathCounts."""
    if members.shape[1] <= EXACT_CHANNELS:
        values = _shapley_of_all_sets(members, paths, converted)
    else:
        values = sampled_shapley(members, paths, converted, seed)
    credited: Floats = values * float(paths.sum())
    return credited


def _shapley_of_all_sets(members: NDArray[np.bool_], paths: Counts, converted: Counts) -> Floats:
    """Σ_S |S|! (C − |S| − 1)! / C! · (v(S ∪ k) − v(S)), with v of all sets by one pass of sums over subsets."""
    count = members.shape[1]
    masks = members @ (1 << np.arange(count))
    within = np.stack([np.bincount(masks, each, minlength=1 << count) for each in (paths, converted)])
    for channel in range(count):
        cube = within.reshape(2, -1, 2, 1 << channel)
        cube[:, :, 1] += cube[:, :, 0]
    rate = _ratio(within[1], within[0])
    every = np.arange(1 << count)
    sizes = np.bitwise_count(every)
    weight = np.array([1.0 / (count * math.comb(count - 1, size)) for size in range(count)] + [0.0])
    values = np.zeros(count)
    for channel in range(count):
        absent = every[(every >> channel) & 1 == 0]
        values[channel] = weight[sizes[absent]] @ (rate[absent | (1 << channel)] - rate[absent])
    return values


def sampled_shapley(members: NDArray[np.bool_], paths: Counts, converted: Counts, seed: int) -> Floats:
    """(C,) mean marginal contribution to the rate over ORDERS random orders; telescoping, so sums stay exact."""
    count = members.shape[1]
    rng = np.random.default_rng(seed)
    values = np.zeros(count)
    for _ in range(ORDERS):
        order = rng.permutation(count)
        place = np.empty(count, dtype=np.int64)
        place[order] = np.arange(count)
        complete = np.where(members, place, -1).max(axis=1)  # a set counts from the place of its last channel on
        known = np.stack([np.bincount(complete, each, minlength=count).cumsum() for each in (paths, converted)])
        values[order] += np.diff(_ratio(known[1], known[0]), prepend=0.0)
    return values / ORDERS


def _ratio(part: Floats, whole: Floats) -> Floats:
    """part / whole, 0 where nothing is known."""
    ratio: Floats = np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)
    return ratio


PATH_COLUMNS = ("path", "total_conversions", "total_null")


def count_aggregated(frame: pl.DataFrame) -> PathCounts:
    """PathCounts of an aggregated path file: `path` such as "a > b > a", `total_conversions`, `total_null`.

    Raises MappingError where a column is missing. Channels come in alphabetical order.
    """
    missing = [name for name in PATH_COLUMNS if name not in frame.columns]
    if missing:
        raise MappingError(
            f"the path file has no column {missing[0]}",
            wanted=f"{', '.join(PATH_COLUMNS)} are needed",
            do="Rename its columns, or pick another file",
        )
    steps = (
        frame.select("total_conversions", "total_null", step=pl.col("path").str.split(ARROW))
        .with_row_index("row")
        .explode("step")
        .with_columns(pl.col("step").str.strip_chars())
    )
    channels = tuple(sorted(steps["step"].unique()))
    codes = steps["step"].cast(pl.Enum(channels)).to_physical().to_numpy().astype(np.int64)
    starts = np.flatnonzero(np.diff(steps["row"].to_numpy().astype(np.int64), prepend=-1))
    weights = [frame[name].cast(pl.Int64).to_numpy() for name in PATH_COLUMNS[1:]]
    return count_paths(channels, codes, starts, weights[0], weights[1])


def count_paths(
    channels: tuple[str, ...], codes: Counts, starts: NDArray[np.intp], converted: Counts, ended: Counts
) -> PathCounts:
    """PathCounts of paths that lie one after the other. codes: (touches,) channel. starts: (paths,) where each begins.

    converted, ended: (paths,) how often each path ended in a conversion, and how often in none.
    """
    count = len(channels)
    lengths = np.diff(starts, append=len(codes))
    row = np.repeat(np.arange(len(starts)), lengths)
    before = np.where(np.diff(row, prepend=-1) > 0, count, np.roll(codes, 1))
    last = codes[starts + lengths - 1]
    transitions = np.zeros((count + 1, count + 2), dtype=np.int64)
    np.add.at(transitions, (before, codes), (converted + ended)[row])
    np.add.at(transitions[:, count], last, converted)
    np.add.at(transitions[:, count + 1], last, ended)
    members = np.zeros((len(starts), count), dtype=np.bool_)
    members[row, codes] = True
    sets, which = np.unique(members, axis=0, return_inverse=True)
    return PathCounts(
        channels=channels,
        transitions=transitions,
        first=_added(codes[starts], converted, count),
        last=_added(last, converted, count),
        linear=linear_shares(codes, starts, converted, count).sum(axis=0),
        members=sets,
        paths=_added(which, converted + ended, len(sets)),
        converted=_added(which, converted, len(sets)),
    )


def linear_shares(codes: Counts, starts: NDArray[np.intp], converted: Counts, count: int) -> Counts:
    """(paths, C) parts of 1 / SHARE: equal ones for every touch, and what does not divide evenly for the last.

    Up to 16 touches everything divides evenly; beyond, a share is rounded down by less than a millionth.
    """
    lengths = np.diff(starts, append=len(codes))
    each = SHARE // lengths
    touches = np.zeros((len(starts), count), dtype=np.int64)
    np.add.at(touches, (np.repeat(np.arange(len(starts)), lengths), codes), 1)
    shares: Counts = touches * each[:, None]
    shares[np.arange(len(starts)), codes[starts + lengths - 1]] += SHARE - each * lengths
    return shares * converted[:, None]


def _added(index: NDArray[np.int64], amounts: Counts, size: int) -> Counts:
    """(size,) integer sums of amounts by index."""
    total = np.zeros(size, dtype=np.int64)
    np.add.at(total, index, amounts)
    return total
