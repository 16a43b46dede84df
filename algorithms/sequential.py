"""Has a claim stopped being true? A test that may be looked at every day without raising false alarms for it.

Touches are compared within cells: one stratum, on one day or on several that were joined. Given how many touches a cell
holds, how many of them were of the level and how many had an outcome, the number x of outcomes of the level follows
Fisher's noncentral hypergeometric law with the level's log-odds δ as its only parameter:

    P(x | δ) ∝ C(n₁, x)·C(n − n₁, s − x)·exp(δ·x)

For δ₁ < δ₀ the ratio P(x | δ₁) / P(x | δ₀) has mean at most 1 under every δ ≥ δ₀, so that the product over cells is an
e-process for "δ ≥ δ₀, always" (a likelihood ratio of Wald's kind; the mean is at most 1 because the log of the
normalising sum is convex in δ). So is any average of such products fixed beforehand: over alternatives δ₁, and over
the week in which the claim may have turned, week j with weight 1 / ((j + 1)(j + 2)) from j = 0. By Ville's inequality
such a process ever passes 1/α with probability α at most, however often it is looked at (Ville 1939; Howard, Ramdas,
McAuliffe and Sekhon 2021). No approximation for large numbers is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CELL_TOUCHES = 14
"""Touches that a cell waits for. Its margins decide when it closes and outcomes do not, so the test stays exact.
Smaller cells lose information (a fifth at five touches), larger ones wait (measured flat between 10 and 20)."""

DAYS = 7


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Closed cells in order of time, (cells,) each.

    day: on which it closed. touches, hits: in the cell, and of those with an outcome; used, won: the same of the level.
    """

    day: Ints
    touches: Ints
    hits: Ints
    used: Ints
    won: Ints

    @property
    def conversions(self) -> int:
        return int(self.hits.sum())


class Hypotheses(NamedTuple):
    """null: the least log-odds, against the alternatives in the stratum, with which the claim stands.

    turned: log-odds below it that a claim which turned may have. weights: of these, summing to 1.
    """

    null: float
    turned: tuple[float, ...]
    weights: tuple[float, ...]


def close_cells(day: Ints, stratum: Ints, chosen: Bools, outcome: Bools) -> Cells:
    """Cells of touches (rows,) in order of days: a stratum's days are joined until touches of both kinds fill one.

    What is still open at the end is left out: it will be in a later look, with more touches.
    """
    order = np.lexsort((day, stratum))
    day, stratum, chosen, outcome = day[order], stratum[order], chosen[order], outcome[order]
    edges = np.flatnonzero((np.diff(day, prepend=day[:1] - 1) != 0) | (np.diff(stratum, prepend=stratum[:1] - 1) != 0))
    if not len(edges):
        return Cells(*np.zeros((5, 0), np.int64))
    counts = np.stack([np.ones(len(day), np.int64), outcome, chosen, chosen & outcome]).astype(np.int64)
    by_day = np.add.reduceat(counts, edges, axis=1).T.tolist()
    closed: list[tuple[int, int, int, int, int]] = []
    held, last = [0, 0, 0, 0], None
    for on, of, row in zip(day[edges].tolist(), stratum[edges].tolist(), by_day, strict=True):
        held = row if of != last else [have + more for have, more in zip(held, row, strict=True)]
        last = of
        if held[0] >= CELL_TOUCHES and 0 < held[2] < held[0]:
            closed.append((on, *held))
            held = [0, 0, 0, 0]
    found = np.array(sorted(closed), np.int64).reshape(-1, 5).T
    return Cells(*found)


def log_likelihoods(cells: Cells, effects: Sequence[float]) -> Floats:
    """(cells, effects) log P(won | the cell's margins, effect)."""
    margins = np.stack([cells.touches, cells.hits, cells.used, cells.won], axis=1)
    distinct, place = np.unique(margins, axis=0, return_inverse=True)
    if not len(distinct):
        return np.zeros((0, len(effects)))
    touches, hits, used, won = distinct.T
    x = np.arange(int(hits.max()) + 1)
    possible = (x <= hits[:, None]) & (x <= used[:, None]) & (hits[:, None] - x <= (touches - used)[:, None])
    weight = np.where(
        possible,
        _log_choose(used[:, None], np.minimum(x, used[:, None]))
        + _log_choose((touches - used)[:, None], np.clip(hits[:, None] - x, 0, (touches - used)[:, None])),
        -np.inf,
    )
    tilted = weight[:, None, :] + np.asarray(effects, np.float64)[:, None] * x
    own = np.take_along_axis(tilted, won[:, None, None], axis=2)[..., 0]
    found: Floats = (own - np.logaddexp.reduce(tilted, axis=2))[place.ravel()]
    return found


def log_evidence(cells: Cells, hypotheses: Hypotheses, start: int) -> Floats:
    """(cells,) log of the e-process against "the claim stands", after each cell. start: the day it begins on."""
    effects = (hypotheses.null, *hypotheses.turned)
    log_p = log_likelihoods(cells, effects)
    return turning(log_p[:, 1:] - log_p[:, :1], (cells.day - start) // DAYS, hypotheses.weights)


def turning(steps: Floats, week: Ints, weights: Sequence[float]) -> Floats:
    """(steps,) log of the average, over alternatives and weeks of the turn, of products of exp(steps) since that week.

    steps: (steps, alternatives) log of factors with mean at most 1 under the null. week: (steps,) ascending, from 0.
    """
    found = np.zeros(len(steps))
    begun = np.full(steps.shape[1], -np.inf)  # log of the sum over the weeks begun, by alternative
    next_week = 0
    log_weights = np.log(np.asarray(weights, np.float64))
    for now in np.unique(week).tolist():
        fresh = np.log(_begin_until(now) - _begin_until(next_week - 1))  # weeks without a step begin with this one
        next_week = now + 1
        rows = np.flatnonzero(week == now)
        path = np.logaddexp(begun, fresh) + np.cumsum(steps[rows], axis=0)
        begun = path[-1]
        waiting = np.log1p(-_begin_until(now))
        found[rows] = np.logaddexp(np.logaddexp.reduce(path + log_weights, axis=1), waiting)
    return found


def _begin_until(week: int) -> float:
    """Prior probability that the turn comes in `week` or before: the sum of 1 / ((j + 1)(j + 2)) for j ≤ week."""
    return 1.0 - 1.0 / (week + 2)


def _log_choose(n: Ints, k: Ints) -> Floats:
    found: Floats = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return found
