"""What does each channel of a public set of 10,000 paths get, by exact Markov removal and by Shapley value?

The set that ChannelAttribution ships with. Its own Markov model simulates walks; here the absorption probabilities are
solved for. Above 16 channels Shapley values are sampled; this set has twelve, so both can be told.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from algorithms.attribution import ORDERS, conversion_probability, count_aggregated, credit, sampled_shapley
from benchmarks.harness import Figure

FILE = Path(__file__).parents[2] / "shared" / "data" / "channel-attribution" / "Data.csv"

EXACT = {"alpha": 5344.9, "iota": 3884.6, "eta": 3340.8, "beta": 2527.4, "theta": 1971.9}
"""Closed form of order 1 (detectors.md §4)."""

SIMULATED = {"alpha": 5357, "iota": 3795, "eta": 3346, "beta": 2550, "theta": 1975}
"""ChannelAttribution 2.2.5, which walks the chain at random to within 5 %."""


def figures(path: Path = FILE) -> list[Figure]:
    """markov: channel → conversions; shapley_total and conversions_total, which must agree."""
    if not path.exists():
        return [Figure(None, None, f"paths: {path.name} is not in {path.parent.name}, nothing measured")]
    counts = count_aggregated(pl.read_csv(path, separator=";"))
    credits = credit(counts)
    markov = {one.channel: one.markov for one in credits}
    reached = float(conversion_probability(counts.transitions[None].astype(np.float64))[0])
    sampled = sampled_shapley(counts.members, counts.paths, counts.converted, seed=0) * counts.paths.sum()
    away = float(np.abs(sampled - [one.shapley for one in credits]).max())
    largest = max(credits, key=lambda one: one.markov)
    return [
        Figure("markov", markov, "paths: conversions by Markov removal", _beside(SIMULATED), _beside(EXACT)),
        Figure("conversions_total", float(counts.conversions), "paths: conversions",
               f"Markov sums to {sum(markov.values()):,.4f}"),
        Figure("shapley_total", sum(one.shapley for one in credits), "paths: sum of Shapley values", "",
               f"{counts.conversions:,}"),
        Figure(None, reached, "paths: P(conversion) of the chain",
               f"{counts.conversions / counts.paths.sum():.5f} of paths", ".22385"),
        Figure(None, away, f"paths: conversions by which {ORDERS:,} sampled orders miss a Shapley value",
               f"largest credit {largest.markov:,.0f}"),
    ]  # fmt: skip


def _beside(credits: Mapping[str, float]) -> str:
    return ", ".join(f"{channel} {conversions:,g}" for channel, conversions in credits.items())
