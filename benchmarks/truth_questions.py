"""What can be asked of a small world, and how an answer is marked against what was planted.

A question has levels, their effects in the next period, and the mix in use; its levels may fall into groups of
alternatives (channels after the same channel). An answer ranks levels, recommends one and says how sure it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simulation.level_worlds import CHANNELS, HowWorlds, LevelWorlds

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

NO_LEVEL = -1


@dataclass(frozen=True)
class Question:
    """The truth about one comparison in every world of a batch.

    effects: (worlds, levels) log-odds in the next period. used, converted: (worlds, levels) touches, and those with an
    outcome. groups: (levels,). real: (worlds,).
    """

    name: str
    effects: Floats
    used: Index
    converted: Index
    groups: Index
    real: NDArray[np.bool_]

    def against_mix(self) -> Floats:
        """(worlds, levels) effect beyond the mix of the level's own group."""
        member = np.equal.outer(self.groups, self.groups).astype(np.float64)
        touches = np.maximum(self.used @ member, 1e-9)
        against: Floats = self.effects - (self.used * self.effects) @ member / touches
        return against


@dataclass(frozen=True)
class Answer:
    """gain: (worlds, levels), any increasing measure of how good a level is, NaN where nothing is said about it.

    top: (worlds,) the recommended level, or NO_LEVEL. confidence: (worlds,) NaN where there is no answer.
    """

    gain: Floats
    top: Index
    confidence: Floats
    claimed: NDArray[np.bool_]


def questions(worlds: LevelWorlds) -> dict[str, Question]:
    """Every comparison that a learner of such worlds answers, the main one first."""
    levels = worlds.levels
    asked = Question(
        "levels",
        worlds.effects.following,
        worlds.used(),
        worlds.converted(),
        np.zeros(levels, np.int64),
        worlds.effects.real,
    )
    return _channel_questions(asked) if isinstance(worlds, HowWorlds) else {asked.name: asked}


def _channel_questions(pairs: Question) -> dict[str, Question]:
    """Of channels, each averaged over what stood before the touches at risk; and of pairs, among equal predecessors."""
    shape = (len(pairs.effects), -1, CHANNELS)
    used, converted = pairs.used.reshape(shape), pairs.converted.reshape(shape)
    before = used.sum(axis=2) / used.sum(axis=(1, 2))[:, None]
    channels = Question(
        "channels",
        np.einsum("wp,wpc->wc", before, pairs.effects.reshape(shape)),
        used.sum(axis=1),
        converted.sum(axis=1),
        np.zeros(CHANNELS, np.int64),
        pairs.real,
    )
    following = Question(
        "next_channel",
        pairs.effects,
        pairs.used,
        pairs.converted,
        np.arange(pairs.effects.shape[1]) // CHANNELS,
        pairs.real,
    )
    return {"channels": channels, "next_channel": following}


def marked(question: Question, answer: Answer) -> pl.DataFrame:
    """One row a world: real, right, claimed, confidence, regret, rank.

    right: the world is real and the recommended level lies above its mix in the next period. regret: log-odds that
    each group's best level has beyond the one ranked first there (beyond the mix, where none is ranked). rank:
    Spearman's correlation of gains with effects; 0 where there is no answer.
    """
    each = np.arange(len(answer.top))
    against = question.against_mix()
    right = question.real & (answer.top != NO_LEVEL) & (against[each, answer.top] > 1e-9)
    return pl.DataFrame(
        {
            "question": pl.repeat(question.name, len(each), eager=True),
            "real": question.real,
            "right": right,
            "claimed": answer.claimed,
            "confidence": pl.Series(answer.confidence).fill_nan(None),
            "regret": _regret(question, against, answer),
            "rank": spearman(np.nan_to_num(answer.gain), question.effects),
        }
    )


def _regret(question: Question, against: Floats, answer: Answer) -> Floats:
    """(worlds,) mean over groups."""
    each = np.arange(len(against))
    lost = []
    for group in np.unique(question.groups):
        members = question.groups == group
        gain, effect = answer.gain[:, members], against[:, members]
        first = np.where(np.isnan(gain), -np.inf, gain).argmax(axis=1)
        reached = np.where(np.isnan(gain).all(axis=1), 0.0, effect[each, first])
        lost.append(effect.max(axis=1) - reached)
    mean: Floats = np.mean(lost, axis=0)
    return mean


def spearman(one: Floats, other: Floats) -> Floats:
    """(worlds,) rank correlation along the last axis; 0 where a side says the same of every level."""
    ranks = [_mean_ranks(side) for side in (one, other)]
    centred = [rank - rank.mean(axis=1, keepdims=True) for rank in ranks]
    size = np.sqrt((centred[0] ** 2).sum(axis=1) * (centred[1] ** 2).sum(axis=1))
    found: Floats = np.divide((centred[0] * centred[1]).sum(axis=1), size, out=np.zeros_like(size), where=size > 0)
    return found


def _mean_ranks(values: Floats) -> Floats:
    """Ranks from 0, ties shared: how many are smaller, plus half of the other equals."""
    smaller = (values[:, :, None] > values[:, None, :]).sum(axis=2)
    equal = (values[:, :, None] == values[:, None, :]).sum(axis=2)
    ranks: Floats = smaller + (equal - 1) / 2.0
    return ranks
