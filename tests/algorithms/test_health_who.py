"""Weights that rank worse than those before are found; weights that rank as well, or better, are left alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from algorithms.health_who import LEAST_POOL, look, ranks

LIMIT = math.log(20.0)
NEW, OLD = (1.0, 0.0, 0.0, 0.0, 0.0), (0.2, 0.2, 0.2, 0.2, 0.2)


def leads(true: tuple[float, ...], seed: int, n: int = 4_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    components = rng.random((n, 5))
    converted = rng.random(n) < 1.0 / (1.0 + np.exp(4.5 - 4.0 * components @ np.array(true)))
    return components, converted, np.arange(n) * 140 // n


def test_weights_that_turned_are_found_and_right_ones_are_not() -> None:
    for seed in range(6):
        right = look(*leads(NEW, seed), NEW, OLD, limit=LIMIT)
        assert right.day is None
        assert right.auc > right.old_auc
        wrong = look(*leads((0.0, 0.25, 0.25, 0.25, 0.25), seed), NEW, OLD, limit=LIMIT)
        assert wrong.day is not None
        assert wrong.auc < wrong.old_auc


def test_equal_weights_and_flat_tenants_raise_no_alarm() -> None:
    alarms = 0
    for seed in range(40):
        components, converted, day = leads(OLD, seed, 1_000)
        assert look(components, converted, day, OLD, OLD, limit=LIMIT).day is None
        flat = np.random.default_rng(seed).random(1_000) < 0.06
        alarms += look(components, flat, day, NEW, OLD, limit=LIMIT).day is not None
    assert alarms <= 2, "one in twenty is what was promised"


def test_a_conversion_is_ranked_among_those_that_came_before_it() -> None:
    scores = np.array([[float(value), 0.0] for value in range(LEAST_POOL)] + [[4.5, 0.0], [0.0, 9.0], [2.0, 0.0]])
    converted = np.array([False] * LEAST_POOL + [True, False, True])
    rank, of = ranks(scores, converted)
    assert of.tolist() == [LEAST_POOL, LEAST_POOL + 2]
    assert rank[0] == pytest.approx([5 / LEAST_POOL, 0.5])
    assert rank[1] == pytest.approx([(2 + 1 + 0.5) / (LEAST_POOL + 1), 0.5 * LEAST_POOL / (LEAST_POOL + 1)])


def test_few_leads_say_nothing() -> None:
    components, converted, day = leads(NEW, 1, 15)
    found = look(components, converted, day, NEW, OLD, limit=LIMIT)
    assert (found.peak, found.day, found.conversions) == (0.0, None, 0)
