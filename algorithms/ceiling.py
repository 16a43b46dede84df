"""How much better could a score be that is not a weighted sum? A diagnostic for people, never part of a pattern.

Gradient boosting on the same components finds what one weight each cannot say, such as that two components count only
together. Where it is far ahead, better components (or more of them) will pay more than better weights.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from algorithms.auc import auc
from algorithms.threads import one_thread

ROUNDS, LEAVES, RATE, BINS = 16, 6, 0.3, 32  # 15–40 ms for 2,000 leads; it is a hint for people, not a contender
MIN_LEAF = 20  # leads


def ceiling_auc(
    train: tuple[NDArray[np.floating], NDArray[np.bool_]], test: tuple[NDArray[np.floating], NDArray[np.bool_]]
) -> float:
    """AUC on `test` of boosted trees grown on `train`; each is (n, 5) components and (n,) outcomes of both kinds."""
    # Imported here: scikit-learn takes a second to load, and only a published pattern asks for it.
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=ROUNDS,
        max_leaf_nodes=LEAVES,
        max_bins=BINS,
        learning_rate=RATE,
        min_samples_leaf=MIN_LEAF,
        early_stopping=False,
        random_state=0,
    )
    with one_thread():  # scikit-learn may have been loaded, with its own thread pool, only just now
        chances = model.fit(*train).predict_proba(test[0])[:, 1]
    return auc(test[1], chances)
