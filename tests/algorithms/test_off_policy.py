"""Off-policy values: right on a log whose truth is known, covered by their intervals, and refused where nothing is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from algorithms.off_policy import CLIPPED_AT, PSEUDO_ROWS, Estimate, Log, Value, effective_size, evaluate, outcome_model
from contracts.refusal import Reason, Refusal

ARMS = 3
RATES = np.array([[0.10, 0.20, 0.15], [0.30, 0.35, 0.50]])  # by cell and arm
SHARES = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])  # of arms, by cell: cells that convert get other arms


def drawn(rows: int, rng: np.random.Generator) -> Log:
    cell = rng.integers(2, size=rows)
    arm = (SHARES[cell].cumsum(axis=1) < rng.random(rows)[:, None]).sum(axis=1)
    outcome = (rng.random(rows) < RATES[cell, arm]).astype(float)
    return Log(arm, outcome, SHARES[cell, arm], cell, np.arange(rows) % 2, np.ones(rows, np.int64))


def always(arm: int, rows: int) -> NDArray[np.float64]:
    return np.tile(np.eye(ARMS)[arm], (rows, 1))


def valued(log: Log, target: NDArray[np.float64]) -> Value:
    found = evaluate(log, target)
    assert isinstance(found, Value), found
    return found


def test_every_estimator_is_unbiased_and_its_interval_covers() -> None:
    rng, truth = np.random.default_rng(1), RATES[:, 1].mean()
    found = [valued(drawn(2_000, rng), always(1, 2_000)) for _ in range(300)]
    for name in ("ips", "snips", "dr"):
        estimates = [getattr(one, name) for one in found]
        values = np.array([one.value for one in estimates])
        assert values.mean() == pytest.approx(truth, abs=4 * values.std() / np.sqrt(300))
        covered = np.mean([low <= truth <= high for low, high in (one.interval(0.90) for one in estimates)])
        assert 0.85 <= covered <= 0.95
        assert np.mean([one.se for one in estimates]) == pytest.approx(values.std(), rel=0.12)
    spread = {name: np.std([getattr(one, name).value for one in found]) for name in ("ips", "snips", "dr")}
    assert spread["snips"] < spread["ips"]
    assert spread["dr"] < spread["ips"]


def test_what_was_done_anyway_is_worth_what_it_brought() -> None:
    log = drawn(4_000, np.random.default_rng(2))
    same = valued(log, SHARES[log.cell])
    assert same.snips.value == pytest.approx(log.outcome.mean())
    assert same.ips.value == pytest.approx(same.logged)
    assert same.effective_n == pytest.approx(4_000)
    assert same.clipped == 0.0


def test_equal_rows_may_be_one_entry() -> None:
    log = drawn(3_000, np.random.default_rng(3))
    key = np.stack([log.arm, log.outcome, log.cell, log.fold])
    kinds, count = np.unique(key, axis=1, return_counts=True)
    arm, cell, fold = (kinds[row].astype(int) for row in (0, 2, 3))
    packed = Log(arm, kinds[1], SHARES[cell, arm], cell, fold, count)
    rows, entries = valued(log, always(2, 3_000)), valued(packed, always(2, kinds.shape[1]))
    for name in ("ips", "snips", "dr"):
        assert getattr(entries, name).value == pytest.approx(getattr(rows, name).value)
        assert getattr(entries, name).se == pytest.approx(getattr(rows, name).se)
    assert entries.effective_n == pytest.approx(rows.effective_n)


def test_the_outcome_model_never_saw_the_rows_that_it_speaks_for() -> None:
    log = drawn(400, np.random.default_rng(4))
    model = outcome_model(log, ARMS)
    changed = replace(log, outcome=np.where(log.fold == 0, 1.0 - log.outcome, log.outcome))
    again = outcome_model(changed, ARMS)
    assert np.array_equal(model[log.fold == 0], again[log.fold == 0])
    assert not np.allclose(model[log.fold == 1], again[log.fold == 1])
    other = log.fold == 1
    overall = log.outcome[other].mean()
    own = log.outcome[other & (log.arm == 0)]
    of_arm = (own.sum() + PSEUDO_ROWS * overall) / (len(own) + PSEUDO_ROWS)
    cell = log.outcome[other & (log.arm == 0) & (log.cell == 1)]
    by_hand = (cell.sum() + PSEUDO_ROWS * of_arm) / (len(cell) + PSEUDO_ROWS)
    assert model[(log.fold == 0) & (log.cell == 1)][0, 0] == pytest.approx(by_hand)


def test_weights_are_clipped_and_it_is_said() -> None:
    log = drawn(5_000, np.random.default_rng(5))
    rare = replace(log, propensity=np.where(log.arm == 2, 0.01, log.propensity))
    found = valued(rare, always(2, 5_000))
    assert found.clipped == pytest.approx(np.mean(log.arm == 2))
    assert found.effective_n == pytest.approx(np.sum(log.arm == 2)), "all weights are the largest allowed"
    assert found.ips.value == pytest.approx(np.mean(CLIPPED_AT * log.outcome * (log.arm == 2)))


def test_refusals() -> None:
    log = drawn(2_000, np.random.default_rng(6))
    lost = np.where(np.arange(2_000) < 5, np.nan, log.propensity)
    assert evaluate(replace(log, propensity=lost), always(1, 2_000)) == Refusal(
        Reason.NO_PROPENSITY, 1_995, 2_000, "rows whose policy logged its probabilities"
    )
    few = drawn(150, np.random.default_rng(7))
    refused = evaluate(few, always(2, 150))
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.wanted) == (Reason.TOO_FEW_EFFECTIVE, 100.0)
    nobody = evaluate(replace(log, arm=np.zeros_like(log.arm)), always(1, 2_000))
    assert isinstance(nobody, Refusal)
    assert nobody.got == 0


def test_effective_size_and_interval() -> None:
    assert effective_size(np.array([1.0, 1.0, 0.0]), np.array([10, 20, 5])) == pytest.approx(30)
    assert effective_size(np.array([3.0, 1.0]), np.array([1, 1])) == pytest.approx(1.6)
    assert Estimate(0.5, 0.1).interval(0.95) == pytest.approx((0.304, 0.696), abs=1e-3)
