"""Words ranked by log-odds: the formula by hand, and nothing about words that are rare."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.sparse import csr_array

from algorithms.words import PRIOR, rank_words

SAID = csr_array(np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0], [1.0, 0.0, 0.0]]))
SHOWN = np.array([1_000, 1_000, 500, 500])
CONVERTED = np.array([50, 10, 20, 5])
WORDS = ("all", "good", "rare")


def test_the_formula_by_hand() -> None:
    found = {word.word: word for word in rank_words(WORDS, SAID, SHOWN, CONVERTED, most=9, least_texts=2)}
    assert set(found) == {"all", "good"}, "a word of one text is not listed"
    hits = {"all": 85, "good": 70}
    misses = {"all": 3_000 - 85, "good": 1_500 - 70}
    for word in hits:
        alpha = PRIOR * (hits[word] + misses[word]) / 4_500
        y, x = hits[word] + alpha, misses[word] + alpha
        delta = math.log(y / (155 + PRIOR - y)) - math.log(x / (4_345 + PRIOR - x))
        assert found[word].log_odds == pytest.approx(delta)
        assert found[word].z == pytest.approx(delta / math.sqrt(1 / y + 1 / x))
    assert found["good"].log_odds > 0 > found["all"].log_odds
    assert (found["all"].n, found["good"].n) == (4, 2)


def test_the_most_different_come_first_and_no_more_than_asked() -> None:
    (only,) = rank_words(WORDS, SAID, SHOWN, CONVERTED, most=1, least_texts=1)
    assert abs(only.z) == max(abs(word.z) for word in rank_words(WORDS, SAID, SHOWN, CONVERTED, most=3, least_texts=1))


def test_nothing_to_say() -> None:
    assert rank_words(WORDS, SAID, SHOWN, np.zeros(4, np.int64), most=5, least_texts=1) == ()
    assert rank_words(WORDS, SAID, SHOWN, CONVERTED, most=5, least_texts=9) == ()
