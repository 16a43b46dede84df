"""The test that may be looked at daily: exact under its null, quick when a claim has turned, equal to its slow twin."""

from __future__ import annotations

import math
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.sequential import (
    CELL_TOUCHES,
    Cells,
    Hypotheses,
    close_cells,
    log_evidence,
    log_likelihoods,
    turning,
)

MARGINS = st.tuples(st.integers(2, 12), st.integers(0, 12), st.integers(0, 12)).filter(
    lambda cell: cell[1] <= cell[0] and cell[2] <= cell[0]
)


def _cells(*rows: tuple[int, int, int, int, int]) -> Cells:
    return Cells(*np.array(rows, np.int64).reshape(-1, 5).T)


def _probabilities(touches: int, hits: int, used: int, effect: float) -> dict[int, float]:
    """Fisher's law, written out."""
    ways = {
        x: comb(used, x) * comb(touches - used, hits - x) * math.exp(effect * x)
        for x in range(max(0, hits - (touches - used)), min(used, hits) + 1)
    }
    return {x: way / sum(ways.values()) for x, way in ways.items()}


def _twin(cells: Cells, hypotheses: Hypotheses) -> list[float]:
    """The evidence after each cell, by adding up every alternative and every week of the turn on its own."""
    found = []
    rows = list(zip(cells.day, cells.touches, cells.hits, cells.used, cells.won, strict=True))
    for end in range(1, len(rows) + 1):
        last = int(rows[end - 1][0]) // 7
        total = 1.0 / (last + 2)  # the turn is still to come
        for turned, weight in zip(hypotheses.turned, hypotheses.weights, strict=True):
            for begin in range(last + 1):
                ratio = 1.0
                for day, touches, hits, used, won in rows[:end]:
                    if day // 7 >= begin:
                        ratio *= _probabilities(touches, hits, used, turned)[won]
                        ratio /= _probabilities(touches, hits, used, hypotheses.null)[won]
                total += weight * ratio / ((begin + 1) * (begin + 2))
        found.append(math.log(total))
    return found


@given(MARGINS, st.floats(-1.5, 1.5), st.floats(0.1, 2.0), st.floats(0.0, 2.0))
def test_no_cell_favours_the_alternative_while_the_claim_stands(
    cell: tuple[int, int, int], null: float, below: float, above: float
) -> None:
    """The mean of the likelihood ratio is at most 1 under every effect at or above the null: what Ville needs."""
    turned, null_p = (_probabilities(*cell, effect) for effect in (null - below, null))
    for truth in (null, null + above):
        mean = sum(p * turned[x] / null_p[x] for x, p in _probabilities(*cell, truth).items())
        assert mean <= 1.0 + 1e-9


@given(MARGINS, st.floats(-2.0, 2.0))
def test_likelihoods_are_fishers(cell: tuple[int, int, int], effect: float) -> None:
    for won, probability in _probabilities(*cell, effect).items():
        found = log_likelihoods(_cells((0, *cell, won)), (effect,))
        assert found[0, 0] == pytest.approx(math.log(probability), abs=1e-9)


def test_evidence_is_what_the_slow_twin_says() -> None:
    rng = np.random.default_rng(4)
    day = np.sort(rng.integers(40, size=25))
    used, hits = rng.integers(1, 9, 25), rng.integers(0, 5, 25)
    won = np.minimum(np.minimum(used, hits), rng.integers(0, 3, 25))
    won = np.maximum(won, hits - (14 - used))
    cells = Cells(day, np.full(25, 14), hits, used, won)
    hypotheses = Hypotheses(0.3, (-0.2, -0.9), (0.4, 0.6))
    assert log_evidence(cells, hypotheses, 0) == pytest.approx(_twin(cells, hypotheses), abs=1e-9)


def test_weeks_without_a_cell_begin_with_the_next_one() -> None:
    steps = np.array([[0.5], [-0.2], [1.0]])
    week = np.array([0, 5, 5])
    begun = [0.5 * math.exp(0.5), 1 / 2 - 1 / 7]  # in week 0, and in weeks 1 to 5
    expected = math.log(begun[0] * math.exp(0.8) + begun[1] * math.exp(0.8) + 1 / 7)
    assert turning(steps, week, (1.0,))[-1] == pytest.approx(expected)


def test_a_cell_closes_when_both_kinds_fill_it_whatever_the_outcomes() -> None:
    day = np.repeat(np.arange(6), 5)
    stratum, chosen = np.zeros(30, np.int64), np.tile([True, False, False, False, False], 6)
    for outcome in (np.zeros(30, np.bool_), np.ones(30, np.bool_)):
        cells = close_cells(day, stratum, chosen, outcome)
        assert cells.day.tolist() == [2, 5]
        assert cells.touches.tolist() == [15, 15]
        assert cells.used.tolist() == [3, 3]
    only = close_cells(day, stratum, np.zeros(30, np.bool_), np.ones(30, np.bool_))
    assert only.day.size == 0, "touches of one kind compare nothing, however many"
    assert close_cells(day[:0], stratum[:0], chosen[:0], np.zeros(0, np.bool_)).conversions == 0


@given(st.integers(0, 2**32 - 1))
def test_a_look_tomorrow_finds_what_a_look_today_found(seed: int) -> None:
    """Cells that are closed stay as they are, so that looking daily walks along one path."""
    rng = np.random.default_rng(seed)
    size = 120
    day, stratum = np.sort(rng.integers(20, size=size)), rng.integers(3, size=size)
    chosen, outcome = rng.random(size) < 0.4, rng.random(size) < 0.3
    today = close_cells(day[day <= 10], stratum[day <= 10], chosen[day <= 10], outcome[day <= 10])
    later = close_cells(day, stratum, chosen, outcome)
    known = later.day <= 10
    for name in ("day", "touches", "hits", "used", "won"):
        assert np.array_equal(getattr(later, name)[known], getattr(today, name))
    assert (later.touches >= CELL_TOUCHES).all()


def test_false_alarms_stay_below_what_was_promised() -> None:
    """At the very edge of the null, over a year of cells: at most one in twenty (exact law, so no luck of strata)."""
    rng = np.random.default_rng(11)
    law = _probabilities(14, 2, 4, 0.3)
    hypotheses = Hypotheses(0.3, (-0.5,), (1.0,))
    alarms, worlds, cells = 0, 250, 200
    day = np.sort(np.arange(cells) * 364 // cells)
    for _ in range(worlds):
        won = rng.choice(list(law), cells, p=list(law.values()))
        full = np.ones(cells, np.int64)
        path = log_evidence(Cells(day, 14 * full, 2 * full, 4 * full, won), hypotheses, 0)
        alarms += bool(path.max() >= math.log(20.0))
    assert alarms / worlds <= 0.05


def test_a_turn_is_found_and_a_standing_claim_is_not() -> None:
    hypotheses, cells = Hypotheses(0.4, (-0.6,), (1.0,)), 150
    day, full = np.sort(np.arange(cells) * 40 // cells), np.ones(cells, np.int64)
    for effect, found in ((0.7, False), (-0.7, True)):
        rng = np.random.default_rng(2)
        law = _probabilities(14, 2, 4, effect)
        won = rng.choice(list(law), cells, p=list(law.values()))
        path = log_evidence(Cells(day, 14 * full, 2 * full, 4 * full, won), hypotheses, 0)
        assert (path.max() >= math.log(20.0)) == found
