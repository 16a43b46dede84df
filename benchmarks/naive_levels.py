"""What a straightforward build says of levels: group by, divide, take the best with enough rows, test it at p < .05.

For WHEN the groups are single cells of the week; for HOW's channels the rate per touch is last-touch credit divided by
use, since a lead converts by its last touch; for next channels it is the rate of each two-step path. Nobody compares
like with like, and nobody counts how many levels were tried.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from benchmarks.truth_questions import NO_LEVEL, Answer, Question

Floats = NDArray[np.float64]

LEAST_ROWS = 10
SIGNIFICANT = 1.959964  # two-sided p < .05, and only upwards


def naive(question: Question, least_rows: int = LEAST_ROWS) -> Answer:
    """The level of the highest raw rate, against all others together; confidence is 1 − p."""
    used, converted = question.used, question.converted
    rate = np.where(used >= least_rows, converted / np.maximum(used, 1), np.nan)
    silent = np.isnan(rate).all(axis=1)
    top = np.where(np.isnan(rate), -1.0, rate).argmax(axis=1)
    z = pooled_z(used, converted, top)
    return Answer(
        gain=rate,
        top=np.where(silent, NO_LEVEL, top),
        confidence=np.where(silent, np.nan, np.maximum(2.0 * ndtr(z) - 1.0, 0.0)),
        claimed=~silent & (z > SIGNIFICANT),
    )


def least_rows_of_a_cell(touches: int) -> int:
    """WHEN has many cells: half a percent of all touches, at least five."""
    return max(5, touches // 200)


def pooled_z(used: NDArray[np.int64], converted: NDArray[np.int64], top: NDArray[np.int64]) -> Floats:
    """(worlds,) two-sample z of the top level's rate against all other touches of its world."""
    each = np.arange(len(top))
    n, s = used[each, top], converted[each, top]
    rest, rest_converted = used.sum(axis=1) - n, converted.sum(axis=1) - s
    pooled = (s + rest_converted) / np.maximum(n + rest, 1)
    variance = pooled * (1.0 - pooled) * (1.0 / np.maximum(n, 1) + 1.0 / np.maximum(rest, 1))
    difference = s / np.maximum(n, 1) - rest_converted / np.maximum(rest, 1)
    z: Floats = difference / np.sqrt(np.maximum(variance, 1e-12))
    return z
