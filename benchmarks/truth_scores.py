"""From marks of single worlds to figures: power, false claims, calibration, regret.

A claim is a comparison at a confidence of .70 or more; it is right where its world is real and its level beats the mix
in the next period. A pattern is published when the gate lets it through; null worlds should publish nothing.
"""

from __future__ import annotations

import numpy as np
import polars as pl

MAIN = ("levels", "channels")
"""The first question of each learner; HOW asks a second, about what should follow."""

HALF_NULL = ("curve", "drift", "texts", "rare")
"""Parts of the grid with as many null worlds as planted ones."""

BINS = 10
CELL = ["learner", "part", "question", "size", "rate", "confounding", "drift", "text_sd", "method"]


def main(marks: pl.DataFrame) -> pl.DataFrame:
    return marks.filter(pl.col("question").is_in(MAIN))


def by_cell(marks: pl.DataFrame) -> pl.DataFrame:
    """One row a cell, question and method.

    power: share of planted worlds with a right claim. null: share of null worlds with a claim. wrong: share of wrong
    ones among all claims (FDR, as many null worlds as planted). right, said: of claims in planted and null worlds.
    regret, rank: means over planted worlds.
    """
    real, claimed, right = pl.col("real"), pl.col("claimed"), pl.col("right")
    return (
        marks.filter(pl.col("part").is_in(HALF_NULL))
        .group_by(CELL, maintain_order=True)
        .agg(
            (claimed & right).filter(real).mean().alias("power"),
            claimed.filter(~real).mean().alias("null"),
            right.not_().filter(claimed).mean().alias("wrong"),
            right.filter(claimed).mean().alias("right"),
            pl.col("confidence").filter(claimed).mean().alias("said"),
            pl.col("regret").filter(real).mean(),
            pl.col("rank").filter(real).mean(),
        )
    )


def published_share(marks: pl.DataFrame) -> float:
    """Share of null worlds whose pattern the gate lets through."""
    return mean(main(marks).filter(~pl.col("real"))["published"])


def worst_cell(marks: pl.DataFrame) -> float:
    """The largest share of published null patterns in any cell."""
    shares = main(marks).filter(~pl.col("real")).group_by(CELL).agg(pl.col("published").mean())
    largest = shares["published"].max()
    return float(largest) if isinstance(largest, float) else float("nan")


def right_when_published(marks: pl.DataFrame) -> float:
    """Share of right ones among all claims."""
    return mean(marks.filter("claimed")["right"])


def power(marks: pl.DataFrame) -> float:
    """Share of real worlds with a right claim."""
    return mean(marks.filter("real").select(pl.col("claimed") & pl.col("right")).to_series())


def right_minus_said(marks: pl.DataFrame) -> float:
    """How much more often claims are right than they say."""
    claims = marks.filter("claimed")
    return mean(claims["right"]) - mean(claims["confidence"])


def reliability(marks: pl.DataFrame) -> pl.DataFrame:
    """Answers by what they said, in BINS equal bins of confidence: low, answers, said, right."""
    answered = marks.filter(pl.col("confidence").is_not_null())
    low = (pl.col("confidence") * BINS).floor().clip(0, BINS - 1) / BINS
    return (
        answered.group_by(low.alias("low"))
        .agg(pl.len().alias("answers"), pl.col("confidence").mean().alias("said"), pl.col("right").mean())
        .sort("low")
    )


def ece(marks: pl.DataFrame) -> float:
    """Expected calibration error: mean distance of said and right over answers, by bin (Naeini et al. 2015)."""
    bins = reliability(marks)
    apart = (bins["said"] - bins["right"]).abs().to_numpy()
    return float(np.average(apart, weights=bins["answers"].to_numpy())) if len(bins) else float("nan")


def mean(values: pl.Series) -> float:
    """NaN where there are none: a benchmark tells it as not measured."""
    found = values.cast(pl.Float64).mean()
    return float(found) if isinstance(found, float) else float("nan")
