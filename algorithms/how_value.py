"""What would following the pattern have brought? Off-policy value, where policies wrote down their probabilities.

A logged propensity is that of a touch's whole choice: channel, hour and text. That of its channel alone is estimated by
how often the policy took it in the same situation (policy × step band × score decile × channel before). Estimated
propensities are no worse than true ones here: they make the estimate more precise (Hirano, Imbens and Ridder 2003).

Even blocks of time are valued under what odd blocks teach and the other way round, so that the value is not that of
having looked at the outcomes first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from algorithms.evidence import Compared, EvidenceConfig, LevelCounts, compare
from algorithms.evidence.kernels import next_channels
from algorithms.how_levels import Cells, next_channel_counts
from algorithms.how_rows import PREVIOUS
from algorithms.off_policy import Log, evaluate
from contracts.how import PolicyValue, next_key
from contracts.outcomes import CHANNELS
from contracts.refusal import Reason, Refusal

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

FOLDS = (0, 1)


def values(tenants: Sequence[Cells], *, pi1: float, config: EvidenceConfig) -> list[PolicyValue | Refusal]:
    """Value of following each tenant's pattern. Refuses with NO_PROPENSITY, or where half of the blocks say too little.

    Touches whose policy wrote no probability down are left out; pi1, config: as for the pattern itself.
    """
    logging = [cells for cells in tenants if cells.logged.any()]
    halves = [_without(next_channel_counts(cells), fold) for cells in logging for fold in FOLDS]
    randomised = [cells.randomised for cells in logging for _ in FOLDS]
    learned = compare("next_channel", halves, next_channels, randomised=randomised, pi1=pi1, config=config)
    found = iter([_value(cells, learned[len(FOLDS) * row :][: len(FOLDS)]) for row, cells in enumerate(logging)])
    return [next(found) if cells.logged.any() else _not_logged(cells) for cells in tenants]


def _not_logged(cells: Cells) -> Refusal:
    return Refusal(Reason.NO_PROPENSITY, 0, int(cells.n.sum()), "touches whose policy logged its probability")


def _without(counts: LevelCounts, fold: int) -> LevelCounts:
    """The same without every second block."""
    kept = np.arange(len(counts.n)) % len(FOLDS) != fold
    return LevelCounts(counts.keys, counts.n[kept], counts.s[kept], counts.strata_groups, counts.level_groups)


def _value(cells: Cells, learned: Sequence[Compared | Refusal]) -> PolicyValue | Refusal:
    """learned: for each fold, what the other blocks say."""
    compared = [one for one in learned if isinstance(one, Compared)]
    if len(compared) < len(FOLDS):
        return next(one for one in learned if isinstance(one, Refusal))
    logged = cells.logged
    situation = np.unique(cells.situation[logged], return_inverse=True)[1]
    arm, fold, before = cells.channel[logged], cells.block[logged] % len(FOLDS), cells.previous[logged]
    done = np.zeros((int(situation.max()) + 1, len(CHANNELS)))
    np.add.at(done, (situation, arm), cells.n[logged])
    done /= done.sum(axis=1, keepdims=True)
    best = np.stack([_best(one) for one in compared])[fold, before]
    target = np.where((best < 0)[:, None], done[situation], best[:, None] == np.arange(len(CHANNELS)))
    hits, misses = cells.s[logged], (cells.n - cells.s)[logged]
    twice = np.tile(np.arange(len(arm)), 2)  # each cell is an entry with an outcome and one without
    log = Log(
        arm=arm[twice],
        outcome=np.repeat([1.0, 0.0], len(arm)),
        propensity=done[situation, arm][twice],
        cell=situation[twice],
        fold=fold[twice],
        count=np.concatenate([hits, misses]),
    )
    found = evaluate(log, target[twice])
    if isinstance(found, Refusal):
        return found
    low, high = found.dr.interval()
    return PolicyValue(
        found.logged, found.snips.value, found.dr.value, low, high, effective_n=found.effective_n, clipped=found.clipped
    )


def _best(compared: Compared) -> Index:
    """(PREVIOUS,) code of the channel with the largest gain after each; −1 where none was seen: do as was done."""
    gains = {level.key: level.gain for level in compared.comparison.levels if level.n}
    table = [[gains.get(next_key(before, channel), -np.inf) for channel in CHANNELS] for before in PREVIOUS]
    best: Index = np.where(np.isfinite(table).any(axis=1), np.argmax(table, axis=1), -1)
    return best
