"""Simulated message tests carry the marks that they say, are confounded as they say, and repeat."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.content import headline_features, headline_words
from contracts.outcomes import HEADLINE_FEATURES
from simulation.message_tests import MessageTestsConfig, message_tests

FEW = MessageTestsConfig(tests=400)


def test_texts_carry_exactly_the_planted_marks() -> None:
    drawn = message_tests(FEW, 1)
    read = np.array([list(headline_features(text).values()) for text in drawn.rows["text"]])
    assert (read == drawn.flags).all()
    assert (drawn.flags.mean(axis=0) > 0.02).all()


def test_words_with_an_effect_are_in_the_texts() -> None:
    drawn = message_tests(FEW, 1)
    said = frozenset[str]().union(*map(headline_words, drawn.rows["text"]))
    assert len(said & drawn.words.keys()) > 0.9 * len(drawn.words)
    assert 0.05 < np.mean([effect != 0 for effect in drawn.words.values()]) < 0.25


def test_pooling_finds_what_is_not_there() -> None:
    """Marks without effect, compared over all tests at once: the gaps are many times their standard errors."""
    drawn = message_tests(MessageTestsConfig(tests=1_000, real_share=0.0, word_share=0.0), 2)
    shown, converted = drawn.rows["shown"].to_numpy(), drawn.rows["converted"].to_numpy()
    flags = drawn.flags.astype(float)
    present, clicked = flags.T @ shown, flags.T @ converted
    gap = np.log(clicked / present) - np.log((converted.sum() - clicked) / (shown.sum() - present))
    error = np.sqrt(1 / clicked + 1 / (converted.sum() - clicked))
    assert set(drawn.effects.values()) == {0.0}
    assert np.mean(np.abs(gap / error) > 1.96) > 0.7


def test_a_seed_decides_everything() -> None:
    assert message_tests(FEW, 3).rows.equals(message_tests(FEW, 3).rows)
    assert not message_tests(FEW, 3).rows.equals(message_tests(FEW, 4).rows)
    assert tuple(message_tests(FEW, 3).effects) == HEADLINE_FEATURES


def test_rows_can_be_meant() -> None:
    rows = message_tests(FEW, 5).rows
    assert (rows["converted"] <= rows["shown"]).all()
    assert (rows["shown"] > 0).all()
    assert rows.group_by("test").len()["len"].min() >= 2
    with pytest.raises(ValueError, match="two variants"):
        MessageTestsConfig(variants=1)
