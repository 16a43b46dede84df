"""Truth as tables: every cell, ours beside the naive build, and what was right of what was said."""

from __future__ import annotations

import sys

import polars as pl
from rich.console import Console
from rich.table import Table

from benchmarks.truth_scores import main, reliability

METHODS = ("ours", "naive")
MEASURES = ("power", "null", "wrong", "right", "said", "regret", "rank")
PLACE = ["part", "question", "size", "rate", "confounding"]


def show_cells(cells: pl.DataFrame) -> None:
    """One table a learner; every measure as ours / naive."""
    for learner in cells["learner"].unique(maintain_order=True):
        table = Table(
            title=f"{learner.upper()} by cell: ours / naive. power, regret, rank: planted worlds; null: claims in flat "
            "ones; wrong, right, said: of all claims",
            title_justify="left",
        )
        for name in (*PLACE, *MEASURES):
            table.add_column(name, justify="left" if name in PLACE[:2] else "right")
        for place, methods in cells.filter(learner=learner).group_by(PLACE, maintain_order=True):
            of = {method: methods.filter(method=method).row(0, named=True) for method in METHODS}
            table.add_row(*map(str, place), *(" / ".join(_short(of[m][name]) for m in METHODS) for name in MEASURES))
        _console().print(table)


def show_calibration(marks: pl.DataFrame) -> None:
    """Worlds drawn from the stated prior: share right by confidence."""
    drawn = main(marks.filter(part="prior"))
    table = Table(title="Worlds drawn from the stated prior: what was said, what was right", title_justify="left")
    for name in ("learner", "method", "from", "answers", "said", "right"):
        table.add_column(name, justify="left" if name in ("learner", "method") else "right")
    for (learner, method), own in drawn.group_by(["learner", "method"], maintain_order=True):
        for low, count, said, right in reliability(own).iter_rows():
            table.add_row(str(learner), str(method), f"{low:.1f}", f"{count:,}", _short(said), _short(right))
    _console().print(table)


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 180)
