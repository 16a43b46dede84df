"""On which weekday do people say yes on the phone, and what does a further call bring? 41,188 customers of a bank.

The file is in order of time, has weekdays and no hours, and a customer is one row: the last of `campaign` calls. Base
rates run from 5 % to 25 % over the years, so a weekday that was called more in good months looks good: compared inside
forty parts of time, Wednesday is best in either half, while raw rates name another day. And who divides by customers
with exactly so many calls overstates what late ones bring.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from algorithms.evidence import Compared, EvidenceConfig, LevelCounts, compare, kernels
from algorithms.when_counts import LAST_TOUCH
from algorithms.when_yield import touch_yields
from benchmarks.harness import Figure
from contracts.when import WEEKDAYS, hour_key

FILE = Path(__file__).parents[2] / "shared" / "data" / "uci-bank-marketing" / "bank-additional-full.csv.gz"

TOLD = (1, 3, 5, 10)
"""Contacts whose hazard is told."""

HAZARD = (0.056, 0.044, 0.024, 0.011)
"""Of those contacts (detectors.md §3)."""

Index = NDArray[np.int64]

PARTS = 40
"""Equal parts of the calls in order of time, as strata: within one, the base rate hardly moves."""

BLOCKS = 8

WORKING_DAYS = WEEKDAYS[:5]
KEYS = tuple(hour_key(24 * day) for day in range(len(WORKING_DAYS)))
"""The file knows no hour, so every call counts as midnight of its day: then the kernel of hours is that of days."""


@dataclass(frozen=True)
class WeekdayBest:
    """best: of all calls; halves: of the first and of the second half; raw: of each half by plain rates.

    confidence: P(real, and above the mix in the next period); without_drift: the same, had nothing ever moved.
    """

    best: str
    halves: tuple[str, str]
    raw: tuple[str, str]
    confidence: float
    without_drift: float


def touch_hazard(path: Path = FILE) -> list[float]:
    """Hazard of a yes at contacts TOLD, unshrunk: of those still called, the share that says yes then."""
    calls = _calls(path)
    last = np.bincount(np.minimum(calls["campaign"], LAST_TOUCH + 1), minlength=LAST_TOUCH + 2)[1:]
    yes = np.bincount(calls.filter("yes")["campaign"], minlength=LAST_TOUCH + 2)[1 : LAST_TOUCH + 1]
    at_risk = last[::-1].cumsum()[::-1][:LAST_TOUCH]
    hazards = {one.touch: one.s / one.n for one in touch_yields(at_risk, yes)}
    return [hazards[contact] for contact in TOLD]


def naive_hazard(path: Path = FILE) -> list[float]:
    """What a group-by gives instead: yes among customers with exactly so many calls."""
    rates = _calls(path).group_by("campaign").agg(pl.col("yes").mean())
    found = dict(rates.iter_rows())
    return [found[contact] for contact in TOLD]


def weekday_best(path: Path = FILE) -> WeekdayBest:
    """The best weekday with time held fast, and how sure that is where things move."""
    calls = _calls(path)
    part = np.arange(len(calls)) * PARTS // len(calls)
    day, yes = calls["day"].to_numpy(), calls["yes"].to_numpy()
    still = replace(EvidenceConfig(), drift_sd=(0.0,), drift_weights=(1.0,))
    whole, moving = _compared(part, day, yes, still), _compared(part, day, yes, EvidenceConfig())
    halves, raw = [], []
    for low, high in pairwise((0, PARTS // 2, PARTS)):
        mine = (part >= low) & (part < high)
        halves.append(_day(_compared(part[mine] - low, day[mine], yes[mine], EvidenceConfig())))
        rates = np.bincount(day[mine], yes[mine]) / np.bincount(day[mine])
        raw.append(WORKING_DAYS[int(rates.argmax())])
    return WeekdayBest(
        best=_day(moving),
        halves=(halves[0], halves[1]),
        raw=(raw[0], raw[1]),
        confidence=moving.comparison.confidence,
        without_drift=whole.comparison.confidence,
    )


def figures(quick: bool) -> list[Figure]:
    """touch_hazard: at contacts TOLD; weekday_best. Both are quick."""
    if not FILE.exists():
        return [Figure(None, None, f"bank: {FILE.name} is not in {FILE.parent.name}, nothing measured")]
    hazard, naive, best = touch_hazard(), naive_hazard(), weekday_best()
    return [
        Figure("touch_hazard", hazard, "bank: P(yes) at contacts 1, 3, 5 and 10, of those still called",
               f"by number of calls {_listed(naive)}", _listed(HAZARD)),
        Figure("weekday_best", best.best, "bank: best weekday within forty parts of time",
               f"raw rates of either half: {', '.join(best.raw)}", "wed"),
        Figure(None, ", ".join(best.halves), "bank: best weekday of either half, time held fast", "", "wed, wed"),
        Figure(None, best.confidence, "bank: confidence in that weekday, drift included",
               f"without drift {best.without_drift:.2f}"),
    ]  # fmt: skip


def _compared(part: Index, day: Index, yes: NDArray[np.bool_], config: EvidenceConfig) -> Compared:
    parts = int(part.max()) + 1
    place = (part * BLOCKS // parts, part, day)
    n, s = np.zeros((2, BLOCKS, parts, len(KEYS)), np.int64)
    np.add.at(n, place, 1)
    np.add.at(s, place, yes)
    counts = LevelCounts(KEYS, n, s, strata_groups=tuple(range(parts)))
    found = compare("weekday", [counts], kernels.hours, randomised=[False], config=config)[0]
    assert isinstance(found, Compared), found
    return found


def _day(found: Compared) -> str:
    return found.comparison.recommendation.key.partition("-")[0]


def _calls(path: Path) -> pl.DataFrame:
    """campaign: calls to the customer; yes: the last was one; day: 0 for Monday."""
    rows = pl.read_csv(path, separator=";", columns=["campaign", "day_of_week", "y"])
    day = pl.col("day_of_week").cast(pl.Enum(WORKING_DAYS)).to_physical().cast(pl.Int64)
    return rows.select("campaign", yes=pl.col("y") == "yes", day=day)


def _listed(values: tuple[float, ...] | list[float]) -> str:
    return ", ".join(f"{value:.3f}" for value in values)
