"""Do WHAT, WHEN and HOW find planted levels, keep silent where there are none, and mean what they say?

Worlds of simulation.level_worlds, eight blocks and ten score strata each, through the learners' own path: summarise →
learn → judge, every world a tenant of its own without a pattern in force and without a population's prior. Beside it
stands the naive build on the same worlds: best raw rate with a minimum sample, claimed at p < .05 (naive_levels).
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

import polars as pl
from rich.progress import track

from benchmarks.harness import Figure, benchmark
from benchmarks.truth_cells import Cell, answer, grid
from benchmarks.truth_figures import figures
from benchmarks.truth_scores import by_cell
from benchmarks.truth_tables import show_calibration, show_cells

WORLDS, FROM_PRIOR = 400, 1_600
QUICK_WORLDS, QUICK_FROM_PRIOR, QUICK_SIZES = 60, 600, (2_000,)
PROCESSES = 2


def answers(cells: Sequence[Cell], *, processes: int = PROCESSES, quiet: bool = True) -> pl.DataFrame:
    """Marks of every world of every cell, in the order of the cells whatever the number of processes."""
    batches = [
        (cell, worlds, (place, part)) for place, cell in enumerate(cells) for part, worlds in enumerate(cell.batches())
    ]
    if processes == 1:
        return pl.concat([answer(*batch) for batch in batches])
    os.environ["POLARS_MAX_THREADS"] = "1"  # read by the processes that begin below, which share the cores
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(answer, *batch): batch[2] for batch in batches}
        done = track(as_completed(futures), "Asking worlds", total=len(futures), disable=quiet, transient=True)
        try:
            found = {futures[future]: future.result() for future in done}
        except BaseException:
            pool.shutdown(cancel_futures=True)  # a fault is told at once, not after all other worlds
            raise
    return pl.concat([found[place] for place in sorted(found)])


@benchmark("truth", "Do WHAT, WHEN and HOW find planted levels, keep silent on flat worlds, and mean what they say?")
def measure(arguments: argparse.Namespace) -> list[Figure]:
    small = QUICK_WORLDS, QUICK_FROM_PRIOR, QUICK_SIZES
    cells = grid(*small) if arguments.quick else grid(WORLDS, FROM_PRIOR)
    marks = answers(cells, quiet=arguments.json)
    show_cells(by_cell(marks))
    show_calibration(marks)
    return figures(marks)


if __name__ == "__main__":
    measure.main()
