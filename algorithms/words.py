"""Which words go with outcomes? Log-odds with an informative Dirichlet prior, for display and for nothing else.

A word's share among all words of answered messages, against its share among those of unanswered ones, both drawn toward
its share in general (Monroe, Colaresi and Quinn 2008, "Fightin' Words", with α0 = 500):

    δ = ln (y + α)/(Y + α0 − y − α) − ln (x + α)/(X + α0 − x − α),   var δ ≈ 1/(y + α) + 1/(x + α)

It knows nothing of tests, of texts or of other words, so that it shows what is frequent, not what works: on randomised
headlines such rankings held in later tests no more often than raw rates (detectors.md §2). WHAT's comparisons do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from contracts.what import Word

PRIOR = 500.0
"""α0: words' worth of what the language says in general."""

LEAST_WORDS = 2  # a word is ranked against others


def rank_words(
    vocabulary: Sequence[str],
    said: csr_array,
    shown: NDArray[np.int64],
    converted: NDArray[np.int64],
    *,
    most: int,
    least_texts: int,
) -> tuple[Word, ...]:
    """The `most` words that differ most, by |z|, commonest first among equals.

    said: (texts, words) 1 where a text says the word. shown, converted: (texts,). Words in fewer than `least_texts`
    texts are left out.
    """
    texts = np.asarray(said.sum(axis=0)).ravel()
    listed = np.flatnonzero(texts >= least_texts)
    if len(listed) < LEAST_WORDS or not converted.sum():
        return ()
    carried = said.T.tocsr()[listed].astype(np.float64)
    answered, silent = carried @ converted, carried @ (shown - converted)
    in_general = answered + silent
    alpha = PRIOR * in_general / in_general.sum()
    delta, variance = np.zeros(len(listed)), np.zeros(len(listed))
    for sign, counts in ((1.0, answered), (-1.0, silent)):
        held = counts + alpha
        delta += sign * np.log(held / (counts.sum() + PRIOR - held))
        variance += 1.0 / held
    z = delta / np.sqrt(variance)
    order = np.lexsort((listed, -texts[listed], -np.abs(z)))[:most]
    return tuple(
        Word(vocabulary[listed[place]], int(texts[listed[place]]), float(delta[place]), float(z[place]))
        for place in order
    )
