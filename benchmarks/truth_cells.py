"""Which worlds are asked: a grid of cells, each with enough worlds, drawn and answered in batches.

A batch is worked off by one process and seeded by its place in the grid, so that neither the number of processes nor
their order moves a figure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import numpy as np
import polars as pl

from benchmarks.naive_levels import LEAST_ROWS, least_rows_of_a_cell, naive
from benchmarks.truth_learned import learned
from benchmarks.truth_questions import marked, questions
from simulation.level_effects import Conditions, Planting
from simulation.level_worlds import TOUCHES, LevelWorlds, how_worlds, until, what_worlds, when_worlds

Learner = Literal["what", "when", "how"]
Part = Literal["curve", "drift", "texts", "rare", "prior", "conversions"]

SEED = 3
SIZES = (100, 200, 500, 2_000, 8_000)
PRIOR_SIZES = (200, 500, 2_000)
DRIFT = 0.4
RARE = 0.05
TEXT_SD = 0.2
LEAST_SIZE = 500  # below it, drift and low rates leave nothing to find
ARMS = (2, 3, 5, 8)
PLANTINGS: tuple[Planting, ...] = ("planted", "null")
CONVERSIONS = 200
BATCH_TOUCHES = 400_000  # rows of one batch: some tens of megabytes

USUAL_RATE = {"what": 0.30, "when": 0.30, "how": 0.04}
PRIOR_RATES = {"what": (0.05, 0.10, 0.30), "when": (0.05, 0.30), "how": (0.02, 0.04, 0.10)}


@dataclass(frozen=True)
class Cell:
    """Worlds of one kind. part: what the cell is for. arms, odds_ratio, text_sd, stop_at: WHAT only.

    stop_at: conversions at which a world is cut off; 0 for never.
    """

    part: Part
    learner: Learner
    conditions: Conditions
    arms: int = 5
    odds_ratio: float = 2.0
    text_sd: float = 0.0
    stop_at: int = 0

    def draw(self, worlds: int, rng: np.random.Generator) -> LevelWorlds:
        conditions = replace(self.conditions, worlds=worlds)
        if self.learner == "when":
            return when_worlds(conditions, rng)
        if self.learner == "how":
            return how_worlds(conditions, rng)
        drawn = what_worlds(conditions, rng, arms=self.arms, odds_ratio=self.odds_ratio, template_sd=self.text_sd)
        return until(drawn, self.stop_at) if self.stop_at else drawn

    def batches(self) -> Iterator[int]:
        """Sizes of its batches, in worlds."""
        touches = self.conditions.size * (TOUCHES if self.learner == "how" else 1)
        most = max(1, BATCH_TOUCHES // touches)
        for start in range(0, self.conditions.worlds, most):
            yield min(most, self.conditions.worlds - start)


def answer(cell: Cell, worlds: int, seed: Sequence[int]) -> pl.DataFrame:
    """Marks of ours and of the naive build, one row a world, question and method."""
    drawn = cell.draw(worlds, np.random.default_rng((SEED, *seed)))
    ours = learned(drawn)
    least = least_rows_of_a_cell(cell.conditions.size) if cell.learner == "when" else LEAST_ROWS
    marks = []
    for name, question in questions(drawn).items():
        theirs = naive(question, least)
        marks += [
            marked(question, ours.answers[name]).with_columns(
                method=pl.lit("ours"), published=pl.Series(ours.published)
            ),
            marked(question, theirs).with_columns(method=pl.lit("naive"), published=pl.Series(theirs.claimed)),
        ]
    return pl.concat(marks).with_columns(
        part=pl.lit(cell.part),
        learner=pl.lit(cell.learner),
        size=pl.lit(cell.conditions.size),
        rate=pl.lit(cell.conditions.base_rate),
        confounding=pl.lit(cell.conditions.confounding),
        drift=pl.lit(cell.conditions.drift),
        effects=pl.lit(cell.conditions.effects),
        odds_ratio=pl.lit(cell.odds_ratio),
        text_sd=pl.lit(cell.text_sd),
    )


def grid(worlds: int, from_prior: int, sizes: Sequence[int] = SIZES) -> list[Cell]:
    """Every cell of the benchmark: `worlds` worlds each, and of each learner `from_prior` in all for calibration."""
    learners: tuple[Learner, ...] = ("what", "when", "how")
    cells = [cell for learner in learners for cell in (*curves(learner, worlds, sizes), *prior(learner, from_prior))]
    return [*cells, *conversions(worlds)]


def curves(learner: Learner, worlds: int, sizes: Sequence[int]) -> list[Cell]:
    """Planted and null worlds by size, confounded and not; with drift; with unlike texts, or at a low rate."""
    cells = []
    for size, confounding, kind in product(sizes, (0.0, 1.0), PLANTINGS):
        usual = Conditions(worlds, size, USUAL_RATE[learner], confounding, kind)
        cells.append(Cell("curve", learner, usual))
        if size < LEAST_SIZE:
            continue
        cells.append(Cell("drift", learner, replace(usual, drift=DRIFT)))
        if learner == "what":
            cells.append(Cell("texts", learner, usual, text_sd=TEXT_SD))
        if learner == "when":
            cells.append(Cell("rare", learner, replace(usual, base_rate=RARE)))
    return cells


def prior(learner: Learner, worlds: int) -> list[Cell]:
    """Worlds drawn from the stated prior, over sizes, rates and confoundings; `worlds` or a few more of them in all.

    WHAT takes turns with the number of arms, and with texts that differ and texts that do not.
    """
    conditions = list(product(PRIOR_SIZES, PRIOR_RATES[learner], (0.0, 0.5, 1.0)))
    each = -(-worlds // len(conditions))
    return [
        Cell(
            "prior",
            learner,
            Conditions(each, size, rate, confounding, "prior"),
            arms=ARMS[place % len(ARMS)],
            text_sd=TEXT_SD * (place // len(ARMS) % 2),
        )
        for place, (size, rate, confounding) in enumerate(conditions)
    ]


def conversions(worlds: int) -> list[Cell]:
    """Two arms, looked at when 200 conversions are in."""
    cells = []
    for rate, ratio in product((0.03, 0.10), (2.0, 3.0)):
        conditions = Conditions(worlds, round(1.3 * CONVERSIONS / rate), rate, 0.5)
        cells.append(Cell("conversions", "what", conditions, arms=2, odds_ratio=ratio, stop_at=CONVERSIONS))
    return cells
