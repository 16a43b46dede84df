"""Claims from half of the tests, judged by the other: honest where effects are planted, and few where none are."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from benchmarks.message_tests import figures, replication, simulated
from contracts.errors import MappingError
from simulation.message_tests import MessageTestsConfig


def test_planted_marks_replicate_and_pooled_ones_do_not() -> None:
    found = replication(simulated(MessageTestsConfig(tests=1_200), 1))
    assert found.tests == 600
    assert found.ours.count >= 5
    assert found.ours.replicate is not None
    assert found.ours.replicate >= 0.8
    assert 0.6 <= found.ours.slope <= 1.5
    assert found.naive.count > 3 * found.ours.count
    assert found.naive.replicate is not None
    assert found.naive.replicate < found.ours.replicate - 0.15
    assert found.naive.slope < 0.6


def test_where_nothing_matters_hardly_anything_is_claimed() -> None:
    flat = [
        replication(simulated(MessageTestsConfig(tests=300, real_share=0.0, word_share=0.0), seed)).ours.count
        for seed in range(4)
    ]
    assert sum(flat) <= 2


def test_a_file_is_halved_in_its_own_order(tmp_path: Path) -> None:
    """Names of tests count down, so that an order by name would exchange the halves."""
    rows = simulated(MessageTestsConfig(tests=200), 2)
    names = {name: f"{999 - place}" for place, name in enumerate(rows["test"].unique(maintain_order=True))}
    renamed = rows.with_columns(pl.col("test").replace_strict(names))
    path = tmp_path / "tests.csv"
    renamed.select("converted", "text", pl.lit("x").alias("image"), "shown", "test").write_csv(path)
    told = {figure.key: figure.value for figure in figures(path)}
    assert set(told) >= {"claims", "replicate", "slope", "naive_claims", "naive_replicate"}
    expected = replication(rows)
    assert told["claims"] == expected.ours.count
    assert told["naive_claims"] == expected.naive.count
    assert told["slope"] == pytest.approx(expected.ours.slope)


def test_a_file_that_compares_nothing_says_so(tmp_path: Path) -> None:
    path = tmp_path / "tests.csv"
    path.write_text("test,text,shown,converted\na,x,10,1\nb,y,10,1\n")
    with pytest.raises(MappingError, match="one half of the tests compares nothing"):
        figures(path)
    with pytest.raises(MappingError, match="there is no file"):
        figures(tmp_path / "nowhere.csv")
