"""Do leads that are reached on several channels convert more often than leads reached on one?

Compared within strata (score decile × number of touches), since good leads are touched more often and so on more
channels. Mantel–Haenszel's risk difference joins the strata. Its interval is Newcombe's (1998, method 10) carried to
strata, as Yan and Su (2010) do: Wilson intervals of both weighted rates, each over as many rows as its variance says.

Unless channels were held out at random, this is an association: somebody decided who is reached on several channels,
and a lead that converts early had less time for a second one.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from contracts.how import Lift
from contracts.refusal import Reason, Refusal

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

Z90 = 1.6448536269514722

LEAST_LEADS = 20
"""Leads of either kind in comparable strata; with fewer the interval says nothing."""


def lift(single: Counts, multi: Counts, *, randomised: bool) -> Lift | Refusal:
    """single, multi: (H, 2) leads and conversions by stratum. Refuses with NO_VARIATION where strata hold one kind.

    randomised: a share of leads was kept to one channel at random.
    """
    both = (single[:, 0] > 0) & (multi[:, 0] > 0)
    one, many = single[both].astype(np.float64), multi[both].astype(np.float64)
    fewest = int(min(one[:, 0].sum(), many[:, 0].sum()))
    if fewest < LEAST_LEADS:
        return Refusal(Reason.NO_VARIATION, fewest, LEAST_LEADS, "leads on one, or on several channels, to compare")
    weight = one[:, 0] * many[:, 0] / (one[:, 0] + many[:, 0])
    weight /= weight.sum()
    rate_one, low_one, high_one = _standardised(one, weight)
    rate_many, low_many, high_many = _standardised(many, weight)
    difference = rate_many - rate_one
    return Lift(
        difference=difference,
        low=difference - math.hypot(rate_many - low_many, high_one - rate_one),
        high=difference + math.hypot(high_many - rate_many, rate_one - low_one),
        single=int(one[:, 0].sum()),
        multi=int(many[:, 0].sum()),
        randomised=randomised,
    )


def wilson(rate: float, rows: float, z: float = Z90) -> tuple[float, float]:
    """Wilson's (1927) interval of a rate over `rows`, which need not be whole."""
    centre = rate + z * z / (2.0 * rows)
    reach = z * math.sqrt(rate * (1.0 - rate) / rows + z * z / (4.0 * rows * rows))
    scale = 1.0 + z * z / rows
    return max(0.0, (centre - reach) / scale), min(1.0, (centre + reach) / scale)


def _standardised(counts: Floats, weight: Floats) -> tuple[float, float, float]:
    """Weighted rate over strata with its Wilson interval. Its sample is as large as its variance says.

    Rates inside the variance have half a conversion and half a none added, so that strata without either count.
    """
    n, s = counts[:, 0], counts[:, 1]
    rate = float(weight @ (s / n))
    padded = (s + 0.5) / (n + 1.0)
    variance = float((weight**2) @ (padded * (1.0 - padded) / n))
    overall = (float(s.sum()) + 0.5) / (float(n.sum()) + 1.0)
    rows = overall * (1.0 - overall) / variance
    return rate, *wilson(rate, rows)
