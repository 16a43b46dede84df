"""Do published weights still rank leads as well as those that they replaced?

Each conversion since bets: how much higher does it stand, among recent leads that did not convert, by the new weights
than by the old? h is that difference of ranks, from −1 to 1, and its mean is the difference of the two AUCs. While that
is above −MARGIN, a stake λ on the opposite multiplies the evidence by 1 − λ·(h + MARGIN), which has mean at most 1:
betting on bounded means (Waudby-Smith and Ramdas 2024). Stakes and weeks of the turn are averaged as in sequential.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.sequential import DAYS, turning

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

MARGIN = 0.02
"""AUC that the new weights may be behind the old ones and still stand; a head need not be better in every month."""

STAKES = (0.25, 0.5, 0.9)
"""Shares of the evidence that are staked: the largest pays when weights have turned, smaller ones when they pale."""

POOL, LEAST_POOL = 200, 20
"""Leads without conversion that one is compared with: the newest before it, and so many at least."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """peak: highest log evidence so far. day: on which it passed the limit, None where it never did.

    auc, old_auc: mean rank of conversions among the others, by either set of weights. conversions: that were compared.
    """

    peak: float
    day: int | None
    auc: float
    old_auc: float
    conversions: int


def look(
    components: Floats, converted: Bools, day: Ints, new: Sequence[float], old: Sequence[float], *, limit: float
) -> Ranking:
    """Test weights on leads (n,) in the order in which their outcome became known. day: of that, from 0."""
    scores = components @ np.stack([np.asarray(new), np.asarray(old)], axis=1)
    rank, of = ranks(scores, converted)
    if not len(of):
        return Ranking(0.0, None, 0.5, 0.5, 0)
    difference = rank[:, 0] - rank[:, 1]
    steps = np.log1p(-np.asarray(STAKES) / (1.0 + MARGIN) * (difference[:, None] + MARGIN))
    path = turning(steps, day[of] // DAYS, (1.0 / len(STAKES),) * len(STAKES))
    passed = np.flatnonzero(path >= limit)
    return Ranking(
        peak=float(path.max()),
        day=int(day[of][passed[0]]) if len(passed) else None,
        auc=float(rank[:, 0].mean()),
        old_auc=float(rank[:, 1].mean()),
        conversions=len(of),
    )


def ranks(scores: Floats, converted: Bools) -> tuple[Floats, Ints]:
    """(conversions, scores) share of the pool below each conversion, ties half; and which leads these are.

    The pool holds leads that came before, so that what a conversion brings is not known when the bet is made.
    """
    others = np.flatnonzero(~converted)
    found, of = [], []
    for lead in np.flatnonzero(converted).tolist():
        before = others[: np.searchsorted(others, lead)][-POOL:]
        if len(before) < LEAST_POOL:
            continue
        pool = scores[before]
        found.append((pool < scores[lead]).mean(axis=0) + 0.5 * (pool == scores[lead]).mean(axis=0))
        of.append(lead)
    return np.array(found, np.float64).reshape(-1, scores.shape[1]), np.array(of, np.int64)
