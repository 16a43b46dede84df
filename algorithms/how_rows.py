"""Exposures as small integer codes: what HOW counts, tenant by tenant and lead by lead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from algorithms.tally import Bools, Index, numbered
from contracts.how import NO_CHANNEL
from contracts.outcomes import CHANNELS

Codes = NDArray[np.uint8]

PREVIOUS = (*CHANNELS, NO_CHANNEL)
NONE = len(CHANNELS)
"""Code of NO_CHANNEL among PREVIOUS."""

STRATA = 11
"""Of the logged score: unknown first, then its deciles."""


@dataclass(frozen=True, slots=True)
class Touches:
    """Exposures, one entry a touch; touches of a lead lie together, in order.

    ids: the tenants, ascending. tenant: place of each touch's among them. starts: (leads,) where each lead begins.
    stratum: 0 … STRATA − 1. channel, previous: codes of CHANNELS and PREVIOUS.
    """

    ids: pl.Series
    tenant: Index
    starts: NDArray[np.intp]
    stratum: Codes
    previous: Codes
    channel: Codes
    outcome: Bools
    closed: Bools


def read_touches(rows: pl.DataFrame) -> Touches:
    """rows: at least one, as algorithms.exposures.EXPOSURES, of which all but step, block and policy are read."""
    lead = rows["lead"].to_numpy()
    ids, tenant = numbered(rows["tenant_id"])
    return Touches(
        ids=ids,
        tenant=tenant,
        starts=np.flatnonzero(np.r_[True, lead[1:] != lead[:-1]]),
        stratum=(rows["stratum"].to_numpy() + 1).astype(np.uint8),
        previous=rows["previous"].to_physical().to_numpy().astype(np.uint8, copy=False),
        channel=rows["channel"].to_physical().to_numpy().astype(np.uint8, copy=False),
        outcome=rows["outcome"].to_numpy(),
        closed=rows["closed"].to_numpy(),
    )
