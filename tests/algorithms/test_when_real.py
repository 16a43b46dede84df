"""Calls of a bank: which weekday, with time held fast, and what a further call brings."""

from __future__ import annotations

import pytest

from benchmarks import bank_when

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not bank_when.FILE.exists(), reason=f"needs the public data set {bank_when.FILE.name}"),
]


def test_hazard_by_contact_and_how_much_a_group_by_overstates_it() -> None:
    hazard = bank_when.touch_hazard()
    assert [round(value, 3) for value in hazard] == [0.056, 0.044, 0.024, 0.011]
    naive = bank_when.naive_hazard()
    assert naive[:3] == pytest.approx([0.130, 0.107, 0.075], abs=5e-4)
    assert all(rate > 2 * value for rate, value in zip(naive, hazard, strict=True))


def test_wednesday_is_best_in_both_halves_where_raw_rates_change_their_mind() -> None:
    found = bank_when.weekday_best()
    assert found.best == "wed"
    assert found.halves == ("wed", "wed")
    assert found.raw[0] != found.raw[1]
    assert 0.65 <= found.confidence <= 0.85
    assert found.without_drift > 0.98
