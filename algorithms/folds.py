"""Which leads may teach, and which may judge, so that judging never looks at what was known before it?

Time-forward folds: the newest half of a tenant's leads is cut into blocks; each block is judged by weights that were
learned from what was known when the block began, no more and no less than a weekly run would have known that day.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Fold:
    """train: rows that teach (ascending indices). test: rows that judge. begins: time of the first of those."""

    train: NDArray[np.intp]
    test: slice
    begins: int


def time_forward(
    created: NDArray[np.int64], known: NDArray[np.int64], *, folds: int, newest: int, window: int
) -> list[Fold]:
    """Folds over the last half of the `newest` rows, oldest fold first.

    created: (n,) times, ascending. known: (n,) time from which each row's outcome is known. window: most rows a fold
    learns from. Folds without rows to test are left out.
    """
    n = len(created)
    edges = np.linspace(n - min(n, newest) / 2.0, n, folds + 1).round().astype(int)
    cuts = []
    for low, high in pairwise(edges):
        if low < high:
            begins = int(created[low])
            cuts.append(Fold(np.flatnonzero(known[:low] <= begins)[-window:], slice(int(low), int(high)), begins))
    return cuts
