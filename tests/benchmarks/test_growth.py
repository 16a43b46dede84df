"""Figures of growth from runs told by hand."""

from __future__ import annotations

import pytest

from benchmarks.growth import FULL, NOTHING, QUICK, Point, figures
from benchmarks.weekly import Run
from benchmarks.weekly_world import Size


def point(tenants: int, touches: int, total: float, peak: float = 900.0) -> Point:
    stages = {"extract": total / 2.0, "learn": total / 2.0, "report": 3.0}
    return Point(Size(tenants, touches // 10, touches), Run(total + 8.0, stages, 1, 4, peak))


def test_slopes_are_taken_after_the_empty_run() -> None:
    empty = point(200, 2_000, 4.0)
    points = [
        point(200, 1_000_000, 9.0),
        point(200, 10_000_000, 54.0, peak=1_500.0),
        point(5_000, 10_000_000, 81.0),
        point(200, 50_000_000, 254.0),
    ]
    told = {figure.key: figure.value for figure in figures(empty, points)}
    assert told["slope_touches"] == pytest.approx(1.0), "50 s from 10M touches, 250 s from 50M"
    assert told["tenants_5000_over_200"] == pytest.approx(1.5)
    assert told["peak_mib"] == 1_500.0
    assert told["prefect_s"] == pytest.approx(4.0 + 8.0 - 4.0 - 3.0)
    assert [one["touches"] for one in told["points"]] == [10**6, 10**7, 10**7, 5 * 10**7]  # type: ignore[index, union-attr]


@pytest.mark.parametrize("sizes", [FULL, QUICK])
def test_every_world_has_what_its_figures_compare(sizes: tuple[Size, ...]) -> None:
    points = [point(size.tenants, size.touches, 10.0 + size.touches / 1e6) for size in sizes]
    assert all(figure.value is not None for figure in figures(point(NOTHING.tenants, NOTHING.touches, 5.0), points))
    assert len({size.database for size in sizes}) == len(sizes)
