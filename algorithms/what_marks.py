"""One tenant's message tests as comparisons: every mark of style, and the words that are claimed.

A comparison has the levels `yes` and `no`: texts with the mark, and texts without. Words are named `word:free`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack
from scipy.special import expit, logit

from algorithms.content import headline_words
from algorithms.evidence import Compared
from algorithms.evidence.mixtures import quantiles
from algorithms.what_levels import NO, YES
from algorithms.what_tests import (
    Effects,
    TestsConfig,
    Variants,
    arrange,
    learn_effects,
    learn_text_sd,
    statistics,
)
from algorithms.words import rank_words
from contracts.levels import CLAIMED_AT, Comparison, Level, Recommendation
from contracts.outcomes import HEADLINE_FEATURES
from contracts.refusal import Reason, Refusal
from contracts.what import Word

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WORD = "word:"
"""Begins the name of a comparison that is about a single word."""


@dataclass(frozen=True)
class MarksConfig:
    """Changing one changes what is learned."""

    tests: TestsConfig = field(default_factory=TestsConfig)
    min_outcomes: int = 10  # min(conversions, non-conversions) of all tests together, as everywhere
    least_texts: int = 60  # that say a word; rarer ones are neither judged nor listed
    words: int = 20  # listed by their log-odds, for display
    claimed_words: int = 150  # that are told as comparisons, the surest first; half a kilobyte each


@dataclass(frozen=True, slots=True, eq=False)
class Marked:
    """What a tenant's tests hold. texts: (rows,). marks: (rows, marks) 1 where the text has it, named by `names`."""

    test: Ints
    n: Ints
    s: Ints
    texts: tuple[str, ...]
    names: tuple[str, ...]
    marks: csr_array


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """results: by mark. texts: variants that were compared. text_sd: ω. words: for display."""

    results: Mapping[str, Compared | Refusal]
    texts: int
    text_sd: float
    words: tuple[Word, ...]


def read_tests(rows: pl.DataFrame, config: MarksConfig) -> Marked:
    """rows: the tests of one tenant, as what_counts.SUMMARY has them. Marks of style, then words said often enough."""
    flags = [json.loads(content) for content in rows["content"]]
    marks = np.array([[one[name] for name in HEADLINE_FEATURES] for one in flags], np.float64)
    style = Marked(
        test=rows["source"].rank("dense").to_numpy().astype(np.int64),
        n=rows["n"].to_numpy(),
        s=rows["s"].to_numpy(),
        texts=tuple(rows["unit"]),
        names=HEADLINE_FEATURES,
        marks=csr_array(marks.reshape(len(flags), len(HEADLINE_FEATURES))),
    )
    return with_words(style, config.least_texts)


def with_words(marked: Marked, least_texts: int) -> Marked:
    """The same with a mark for every word that at least so many texts say."""
    said = [headline_words(text) for text in marked.texts]
    count = Counter(word for words in said for word in words)
    vocabulary = sorted(word for word, texts in count.items() if texts >= least_texts)
    place = {word: column for column, word in enumerate(vocabulary)}
    spots = [(row, place[word]) for row, words in enumerate(said) for word in sorted(words) if word in place]
    rows, columns = np.array(spots, np.int64).reshape(len(spots), 2).T
    of_words = csr_array((np.ones(len(spots)), (rows, columns)), shape=(len(said), len(vocabulary)))
    return Marked(
        test=marked.test,
        n=marked.n,
        s=marked.s,
        texts=marked.texts,
        names=(*marked.names, *(WORD + word for word in vocabulary)),
        marks=csr_array(hstack([marked.marks, of_words])),
    )


def learn_marks(rows: pl.DataFrame, config: MarksConfig) -> Learned | Refusal:
    """Comparisons of one tenant's tests; refuses with TOO_FEW_OUTCOMES or NO_TEMPLATES."""
    marked = read_tests(rows, config)
    variants, kept = arrange(marked.test, marked.n, marked.s)
    if not len(kept):
        return Refusal(Reason.NO_TEMPLATES, 0, 1, "tests of two texts or more, with both outcomes")
    hits = int(variants.s.sum())
    outcomes = min(hits, int(variants.n.sum()) - hits)
    if outcomes < config.min_outcomes:
        return Refusal(Reason.TOO_FEW_OUTCOMES, outcomes, config.min_outcomes, "in message tests")
    marks = csr_array(marked.marks[kept])
    text_sd = learn_text_sd(variants, config.tests)
    u, v = statistics(variants, marks, text_sd)
    plain = statistics(variants, marks, 0.0)[1]
    effects = learn_effects(u, v, config.tests)
    told = _told(marked.names, effects, config)
    style = len(HEADLINE_FEATURES)
    return Learned(
        results=_compared(marked.names, told, variants, marks, effects, plain),
        texts=len(kept),
        text_sd=text_sd,
        words=rank_words(
            [name.removeprefix(WORD) for name in marked.names[style:]],
            marks[:, style:],
            variants.n,
            variants.s,
            most=config.words,
            least_texts=config.least_texts,
        ),
    )


def _told(names: Sequence[str], effects: Effects, config: MarksConfig) -> list[int]:
    """All marks of style that tests compare, and of the words those that are claimed."""
    style = [row for row, name in enumerate(names) if not name.startswith(WORD) and effects.v[row] > 0.0]
    sure = effects.confidence
    words = [row for row, name in enumerate(names) if name.startswith(WORD) and sure[row] >= CLAIMED_AT]
    return style + sorted(words, key=lambda row: (-sure[row], row))[: config.claimed_words]


def _compared(
    names: Sequence[str], told: Sequence[int], variants: Variants, marks: csr_array, effects: Effects, plain: Floats
) -> dict[str, Compared | Refusal]:
    """plain: (marks,) information that there would be, were texts of equal marks one."""
    present = marks.T @ np.column_stack([variants.n, variants.s]).astype(np.float64)
    given = effects.share[told, 1:] / np.maximum(effects.p_real[told, None], 1e-300)
    bounds = quantiles((0.05, 0.95), given, effects.mean[told], effects.variance[told]).T
    second = (effects.share[:, 1:] * (effects.mean**2 + effects.variance)).sum(axis=1)
    spread = np.sqrt(np.maximum(second - effects.effect**2, 0.0))
    whole = np.array([variants.n.sum(), variants.s.sum()])
    return {
        names[row]: _one(
            names[row],
            present[row].round().astype(np.int64),
            whole,
            effect=float(effects.effect[row]),
            sd=float(spread[row]),
            interval=(float(low), float(high)),
            p_above=float(effects.p_above[row]),
            p_real=float(effects.p_real[row]),
            log_bf=float(effects.log_bf[row]),
            tests=len(variants.total),
            retained=float(min(1.0, effects.v[row] / plain[row])) if plain[row] > 0.0 else 0.0,
        )
        for row, (low, high) in zip(told, bounds, strict=True)
    }


def _one(
    name: str,
    present: Ints,
    whole: Ints,
    *,
    effect: float,
    sd: float,
    interval: tuple[float, float],
    p_above: float,
    p_real: float,
    log_bf: float,
    tests: int,
    retained: float,
) -> Compared:
    """present, whole: (2,) impressions and outcomes of texts with the mark, and of all. effect: of having it."""
    shares = {YES: present[0] / whole[0], NO: 1.0 - present[0] / whole[0]}
    counts = {YES: present, NO: whole - present}
    better = {YES: p_above, NO: p_real - p_above}
    sign = {YES: 1.0, NO: -1.0}
    apart = {YES: shares[NO], NO: shares[YES]}  # a level differs from the mix by the share of the other one
    top = YES if effect >= 0.0 else NO
    low, high = sorted(sign[top] * apart[top] * bound for bound in interval)
    gain = sign[top] * apart[top] * effect
    rate = float(whole[1] / whole[0])
    confidence = float(better[top])
    comparison = Comparison(
        name=name,
        sample_size=int(whole[0]),
        outcomes=int(min(whole[1], whole[0] - whole[1])),
        rate=rate,
        confidence=confidence,
        claimed=confidence >= CLAIMED_AT,
        randomised=True,
        recommendation=Recommendation(top, gain, min(low, gain), max(high, gain), float(expit(logit(rate) + gain))),
        levels=tuple(
            Level(
                key=key,
                n=int(counts[key][0]),
                s=int(counts[key][1]),
                use=float(shares[key]),
                gain=sign[key] * float(apart[key]) * effect,
                sd=float(apart[key]) * sd,
                p_better=float(better[key]),
                p_best=float(better[key]) + (1.0 - p_real) / 2.0,
            )
            for key in (NO, YES)
        ),
    )
    return Compared(
        comparison,
        log_bf=log_bf,
        p_real=p_real,
        omega=0.0,
        rho=0.0,
        strata=tests,
        blocks=1,
        retained=retained,
        p_top_beats={key: (0.0 if key == top else confidence) for key in (NO, YES)},
        below_mix=(),
    )
