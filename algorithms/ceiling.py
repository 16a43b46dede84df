"""How much better could a score be that is not a weighted sum? A diagnostic for people, never part of a pattern.

Gradient boosting on the same components finds what one weight each cannot say, such as that two components count only
together. Where it is far ahead, better components (or more of them) will pay more than better weights.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from algorithms.auc import auc

ROUNDS, DEPTH, RATE = 60, 3, 0.12  # a third of a second a thousand tenants' leads; more rounds gained < .002 AUC
MIN_LEAF = 20  # leads


def ceiling_auc(
    train: tuple[NDArray[np.floating], NDArray[np.bool_]], test: tuple[NDArray[np.floating], NDArray[np.bool_]]
) -> float:
    """AUC on `test` of boosted trees grown on `train`; each is (n, 5) components and (n,) outcomes of both kinds."""
    # Imported here: scikit-learn takes a second to load, and only a published pattern asks for it.
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=ROUNDS,
        max_depth=DEPTH,
        learning_rate=RATE,
        min_samples_leaf=MIN_LEAF,
        early_stopping=False,
        random_state=0,
    )
    model.fit(*train)
    return auc(test[1], model.predict_proba(test[0])[:, 1])
