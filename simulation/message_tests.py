"""Randomised message tests with planted truth: variants of one line, shown at random within a test, and who clicked.

    P(click) = expit(rate of the test + Σ effects of its features and words + N(0, template_sd²) of the text itself)

Effects are planted on sixteen marks of style (contracts.outcomes.HEADLINE_FEATURES) and on single words; most marks
matter a little, most words not at all. Every test has a style of its own, and tests whose style has a mark more often
have other click rates for reasons that are not the mark's: who pools tests finds those reasons instead.

Texts are written so that each mark is there or not beyond doubt; words without meaning (`balore`) carry the rest.

How hard (measured, defaults): 11,000 variants; .017 of 3,000 impressions click, 39 a median variant, so that one text's
log-odds are known to .16 where texts of equal marks differ by .31. Pooled over tests, marks that do nothing look .084
(SD) from zero, and a standard error of .0035 is claimed for that; the effects that are there have an SD of .10.

Numbers after detectors.md, §2 (randomised headline tests). Written down before any learner of tests existed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contracts.outcomes import HEADLINE_FEATURES

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

COMMON = (
    0.15, 0.20, 0.30, 0.20, 0.25, 0.20, 0.35, 0.15, 0.06, 0.15, 0.12, 0.10, 0.08, 0.35, 0.25, 0.20,
)  # fmt: skip
"""How often each of HEADLINE_FEATURES occurs, in a test of middling style."""

MARKS = {
    "you": ("you", "your"),
    "superlative": ("best", "most", "ever", "greatest"),
    "negative": ("never", "not", "wrong"),
    "person": ("she", "his", "man", "mom"),
    "deixis": ("this", "here"),
}
"""Words that bring a mark of their own into a text."""

LENGTHS = {"short": (9, 11), "middle": (11, 17), "long": (17, 23)}
"""Words of a text, from … up to, as the marks `short` and `long` say."""


@dataclass(frozen=True)
class MessageTestsConfig:
    """How the tests are drawn. Raises ValueError for none."""

    tests: int = 2_600
    variants: float = 4.3  # mean per test, at least 2
    shown: int = 3_000  # impressions of a variant, give or take a third
    rate: float = 0.013  # clicks per impression in a middling test
    test_sd: float = 0.4  # log-odds by which tests differ for reasons of their own
    template_sd: float = 0.31  # log-odds by which texts of equal marks and words differ
    effect_sd: float = 0.10  # of marks that matter, log-odds
    real_share: float = 0.7  # of marks that matter
    word_share: float = 0.15  # of words that matter, with the same SD
    words: int = 900
    style_sd: float = 1.0  # log-odds by which a test's style makes a mark likelier
    confounding: float = 0.10  # log-odds of the test's rate per unit of each mark's style, of either sign

    def __post_init__(self) -> None:
        if self.tests < 1 or self.variants < 2 or self.shown < 1:
            raise ValueError(f"got {self}: wanted at least one test of two variants that were shown")


@dataclass(frozen=True)
class MessageTests:
    """rows: test, text, shown, converted; variants of a test lie together, tests in order of time.

    effects: log-odds by mark, words: by word; zero where it does nothing.
    """

    config: MessageTestsConfig
    rows: pl.DataFrame
    effects: dict[str, float]
    words: dict[str, float]
    flags: Flags  # (rows, marks) as planted, in the order of HEADLINE_FEATURES


def message_tests(config: MessageTestsConfig, seed: int) -> MessageTests:
    """Draw tests and their outcomes."""
    rng = np.random.default_rng(seed)
    marks = len(HEADLINE_FEATURES)
    effects = config.effect_sd * rng.normal(size=marks) * (rng.random(marks) < config.real_share)
    vocabulary = _vocabulary(config.words, rng)
    word_effects = config.effect_sd * rng.normal(size=config.words) * (rng.random(config.words) < config.word_share)

    style = config.style_sd * rng.normal(size=(config.tests, marks))
    reasons = config.confounding * np.where(rng.random(marks) < 0.5, -1.0, 1.0)
    counts = 2 + rng.poisson(config.variants - 2, config.tests)
    test = np.repeat(np.arange(config.tests), counts)
    flags = _flags(style[test], rng)
    said = _said(_plain_words(flags, rng), config.words, rng)

    intercept = np.log(config.rate / (1 - config.rate))
    of_test = config.test_sd * rng.normal(size=config.tests) + style @ reasons
    of_words = np.array([word_effects[list(set(words))].sum() for words in said])
    log_odds = intercept + of_test[test] + flags @ effects + of_words + config.template_sd * rng.normal(size=len(test))
    shown = 1 + rng.poisson(config.shown * rng.uniform(2 / 3, 4 / 3, config.tests)[test])
    rows = pl.DataFrame(
        {
            "test": [f"test-{number:05d}" for number in test],
            "text": [
                _text(carried, [vocabulary[word] for word in plain], rng)
                for carried, plain in zip(flags, said, strict=True)
            ],
            "shown": shown,
            "converted": rng.binomial(shown, 1 / (1 + np.exp(-log_odds))),
        }
    )
    return MessageTests(
        config,
        rows,
        dict(zip(HEADLINE_FEATURES, effects.tolist(), strict=True)),
        dict(zip(vocabulary, word_effects.tolist(), strict=True)),
        flags,
    )


def _vocabulary(count: int, rng: np.random.Generator) -> list[str]:
    """Words of three syllables that mean nothing, so that no lexicon knows them."""
    syllables = ["".join(pair) for pair in product("bdfgklmnprstvz", "aeiou")]
    chosen = rng.permutation(len(syllables) ** 3)[:count]
    base = len(syllables)
    return [syllables[n % base] + syllables[n // base % base] + syllables[n // base**2] for n in chosen.tolist()]


def _flags(style: Floats, rng: np.random.Generator) -> Flags:
    """(rows, marks) which marks each text carries; those that exclude each other are made to."""
    odds = np.log(COMMON) - np.log1p(-np.array(COMMON))
    flags: Flags = rng.random(style.shape) < 1 / (1 + np.exp(-odds - style))
    place = {name: column for column, name in enumerate(HEADLINE_FEATURES)}
    flags[:, place["how_why"]] &= ~flags[:, place["list"]]  # one first word
    flags[:, place["number"]] |= flags[:, place["list"]]
    for ending, others in (("question", ("exclaim", "ellipsis")), ("exclaim", ("ellipsis",)), ("short", ("long",))):
        for other in others:
            flags[:, place[other]] &= ~flags[:, place[ending]]
    return flags


def _plain_words(flags: Flags, rng: np.random.Generator) -> NDArray[np.int64]:
    """(rows,) words of each text besides those that its marks bring."""
    has = {name: flags[:, column] for column, name in enumerate(HEADLINE_FEATURES)}
    low, high = (
        np.select([has["short"], has["long"]], [LENGTHS["short"][end], LENGTHS["long"][end]], LENGTHS["middle"][end])
        for end in (0, 1)
    )
    brought = np.sum([has[name] for name in (*MARKS, "how_why", "number")], axis=0)
    plain: NDArray[np.int64] = rng.integers(low, high) - brought
    return plain


def _said(lengths: NDArray[np.int64], words: int, rng: np.random.Generator) -> list[list[int]]:
    """The words of each text, commonest first in the vocabulary (Zipf)."""
    ladder = np.cumsum(1 / np.arange(10, words + 10))
    drawn = np.searchsorted(ladder / ladder[-1], rng.random(int(lengths.sum())), side="right")
    return [part.tolist() for part in np.split(drawn, np.cumsum(lengths)[:-1])]


def _text(flags: Flags, plain: list[str], rng: np.random.Generator) -> str:
    """A line of these words with exactly these marks."""
    has = dict(zip(HEADLINE_FEATURES, flags.tolist(), strict=True))
    opening = ["11"] if has["list"] else [str(rng.choice(["How", "Why"]))] if has["how_why"] else []
    marks = [str(rng.choice(choices)) for name, choices in MARKS.items() if has[name]]
    if has["number"] and not has["list"]:
        marks.append("40")
    if has["all_caps"]:
        plain[0] = plain[0].upper()
    if has["quote"]:
        plain[1] = f'"{plain[1]}"'
    middle = plain[:1] + rng.permutation([*plain[1:], *marks]).tolist()
    if has["two_sentences"]:
        middle[len(middle) // 2 - 1] += "."
    ending = "?" if has["question"] else "!" if has["exclaim"] else "..." if has["ellipsis"] else ""
    line = " ".join(opening + middle)
    return line[0].upper() + line[1:] + ending
