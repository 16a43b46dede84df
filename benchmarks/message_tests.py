"""Do claims about style and words hold in later message tests? The first half of a file is learned, the second judges.

`figures(path)` measures a file of randomised tests (columns test, text, shown, converted) in its own order, by first
appearance of a test. Without a file, tests are simulated with planted effects of a known size.

Ours claims a mark at confidence .70 or more, as WHAT does; the naive build pools all tests and claims at p < .05. A
claim replicates with probability Φ(its sign · z), z being the mark's score within the tests of the other half: 1 where
that half is sure, ½ where it cannot tell. The slope is that of effects there on effects claimed; 1 is honest.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import ndtr

from algorithms.what_marks import WORD, Marked, MarksConfig, with_words
from algorithms.what_tests import arrange, learn_effects, learn_text_sd, statistics
from benchmarks.harness import Figure, benchmark
from contracts.errors import MappingError
from contracts.levels import CLAIMED_AT
from contracts.outcomes import HEADLINE_FEATURES
from simulation.message_tests import MessageTestsConfig, message_tests
from tasks.importing import read_message_tests
from tasks.importing.recipe import TestsRecipe, load_any_recipe

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

KNOWN = 5.0
"""Information (V*) that the second half must hold about a mark: less, and it cannot judge."""

LEAST_SHOWN = 100
"""Impressions with and without a mark below which the naive build says nothing."""

SIGNIFICANT = 1.96


@dataclass(frozen=True, slots=True)
class Claims:
    """Of one method. replicate, said: means over claims, None without any; slope: over all marks."""

    count: int
    style: int
    replicate: float | None
    said: float | None
    slope: float


@dataclass(frozen=True, slots=True)
class Replication:
    """How claims from the first half fared in the second. tests, texts, conversions: of the first half."""

    tests: int
    texts: int
    conversions: int
    marks: int
    text_sd: float
    ours: Claims
    naive: Claims


def replication(variants: pl.DataFrame, config: MarksConfig | None = None) -> Replication:
    """variants: as tasks.importing.read_message_tests gives them, in order of the tests.

    Raises MappingError where one of the halves compares nothing.
    """
    config = config or MarksConfig()
    tests = variants.select(pl.concat_str("tenant", "test", separator="\x1f").alias("test")).to_series()
    order = {test: place for place, test in enumerate(tests.unique(maintain_order=True))}
    number = np.array([order[test] for test in tests])
    marked = _marked(variants, number)
    first = number < (len(order) + 1) // 2
    learned, judging = (_half(marked, rows) for rows in (first, ~first))
    vocabulary = with_words(learned, config.least_texts)  # what the second half says is not known yet
    said = with_words(judging, 1)
    return _judged(vocabulary, _with_marks(said, vocabulary.names), config)


def figures(path: Path) -> list[Figure]:
    """The figures of a file, under the keys of `conversion_real --tests`. Raises MappingError for a bad file."""
    recipe = load_any_recipe("message_tests")
    assert isinstance(recipe, TestsRecipe)
    return told(replication(read_message_tests(path, recipe.of_tenant("tests"))))


def told(found: Replication) -> list[Figure]:
    ours, naive = found.ours, found.naive
    learned = f"{found.tests:,} tests with {found.texts:,} texts and {found.conversions:,} conversions"
    return [
        Figure(
            "claims",
            ours.count,
            f"claims, {ours.style} on style and the others on words: {found.marks} marks, {learned}",
            peer=f"naive {naive.count}",
        ),
        Figure(
            "replicate",
            ours.replicate,
            f"claims that hold in the other half (said {_text(ours.said)})",
            peer=f"naive {_text(naive.replicate)}",
            target=">= .8",
        ),
        Figure(
            "slope",
            ours.slope,
            "effects there on effects here",
            peer=f"naive {naive.slope:.2f}",
            target=">= .6; 1 is honest",
        ),
        Figure("naive_claims", naive.count, "marks at p < .05, all tests pooled"),
        Figure("naive_replicate", naive.replicate, "of those, hold in the other half"),
        Figure(None, found.text_sd, "log-odds by which texts of one test differ, beyond chance"),
    ]


def _text(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def _marked(variants: pl.DataFrame, number: NDArray[np.int64]) -> Marked:
    return Marked(
        test=number,
        n=variants["shown"].to_numpy(),
        s=variants["converted"].to_numpy(),
        texts=tuple(variants["text"]),
        names=HEADLINE_FEATURES,
        marks=csr_array(variants.select(HEADLINE_FEATURES).to_numpy().astype(np.float64)),
    )


def _half(marked: Marked, rows: Bools) -> Marked:
    kept = np.flatnonzero(rows)
    return Marked(
        marked.test[kept],
        marked.n[kept],
        marked.s[kept],
        tuple(marked.texts[row] for row in kept),
        marked.names,
        csr_array(marked.marks[kept]),
    )


def _with_marks(marked: Marked, names: tuple[str, ...]) -> Marked:
    """The same texts with these marks; all zero for words that none of them says."""
    place = {name: column for column, name in enumerate(marked.names)}
    chosen = np.array([place.get(name, -1) for name in names])
    keep = csr_array(
        (np.ones((chosen >= 0).sum()), (chosen[chosen >= 0], np.flatnonzero(chosen >= 0))),
        shape=(len(marked.names), len(names)),
    )
    return Marked(marked.test, marked.n, marked.s, marked.texts, names, csr_array(marked.marks @ keep))


def _judged(learned: Marked, judging: Marked, config: MarksConfig) -> Replication:
    variants, kept = arrange(learned.test, learned.n, learned.s)
    later, rows = arrange(judging.test, judging.n, judging.s)
    if not len(kept) or not len(rows):
        raise MappingError("one half of the tests compares nothing", wanted="tests of two texts and both outcomes are")
    text_sd = learn_text_sd(variants, config.tests)
    u, v = statistics(variants, csr_array(learned.marks[kept]), text_sd)
    effects = learn_effects(u, v, config.tests)
    there, information = statistics(later, csr_array(judging.marks[rows]), learn_text_sd(later, config.tests))
    known = (information > KNOWN) & (v > 0.0)
    pooled, z = _pooled(learned)
    style = np.array([not name.startswith(WORD) for name in learned.names])

    def claims(effect: Floats, claimed: Bools, said: Floats | None) -> Claims:
        here = known & claimed
        score = np.sign(effect[here]) * there[here] / np.sqrt(information[here])
        return Claims(
            count=int(here.sum()),
            style=int((here & style).sum()),
            replicate=float(ndtr(score).mean()) if here.any() else None,
            said=float(said[here].mean()) if said is not None and here.any() else None,
            slope=float((effect * there)[known].sum() / max(float((information * effect**2)[known].sum()), 1e-12)),
        )

    return Replication(
        tests=len(variants.total),
        texts=len(kept),
        conversions=int(variants.s.sum()),
        marks=int(known.sum()),
        text_sd=text_sd,
        ours=claims(effects.effect, effects.confidence >= CLAIMED_AT, effects.confidence),
        naive=claims(pooled, np.abs(z) > SIGNIFICANT, None),
    )


def _pooled(marked: Marked) -> tuple[Floats, Floats]:
    """Log-odds of texts with a mark against those without, all tests thrown together, and its z."""
    shown, converted = (marked.marks.T @ counts.astype(np.float64) for counts in (marked.n, marked.s))
    others, of_others = marked.n.sum() - shown, marked.s.sum() - converted
    half = 0.5  # Haldane's, so that none is infinite
    gap = np.log((converted + half) / (shown - converted + half)) - np.log(
        (of_others + half) / (others - of_others + half)
    )
    error = np.sqrt(1.0 / (converted + half) + 1.0 / (of_others + half))
    told = (shown > LEAST_SHOWN) & (others > LEAST_SHOWN)
    return np.where(told, gap, 0.0), np.where(told, gap / error, 0.0)


def simulated(config: MessageTestsConfig, seed: int) -> pl.DataFrame:
    """Simulated tests in the shape of a file's."""
    drawn = message_tests(config, seed)
    flags = pl.DataFrame(drawn.flags, schema=list(HEADLINE_FEATURES))
    return pl.concat([drawn.rows.with_columns(tenant=pl.lit("simulated")), flags], how="horizontal")


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tests", type=Path, metavar="FILE", help="randomised tests: test, text, shown, converted")


@benchmark("message_tests", "Do claims about style and words hold in later message tests?", _options)
def measure(arguments: argparse.Namespace) -> list[Figure]:
    if arguments.tests:
        return figures(arguments.tests)
    size = 600 if arguments.quick else 2_600
    flat = [
        replication(simulated(MessageTestsConfig(tests=size, real_share=0.0, word_share=0.0), seed)).ours.count
        for seed in range(4 if arguments.quick else 10)
    ]
    return [
        *told(replication(simulated(MessageTestsConfig(tests=size), 1))),
        Figure("null_claims", sum(flat) / len(flat), f"claims where no mark matters, mean of {len(flat)} files"),
    ]


if __name__ == "__main__":
    measure.main()
