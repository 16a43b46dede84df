"""Exposures by hand for WHEN: touches at an hour of the lead's week and after a gap, drawn or told one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from algorithms.exposures import EXPOSURES
from contracts.outcomes import CHANNELS

TENANT = b"t" * 16

DEFAULTS: dict[str, Any] = {
    "tenant_id": TENANT,
    "step": 1,
    "channel": "email",
    "previous": "none",
    "gap_days": None,
    "outcome": False,
    "closed": False,
    "block": 300,
    "stratum": 4,
    "policy": "",
    "propensity": None,
    "hour_of_week": 34,
    "synthetic": False,
    "template_id": None,
}


def exposures(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """EXPOSURES of touches that differ from DEFAULTS as told, by tenant; every touch is a lead unless told."""
    told = [DEFAULTS | {"lead": lead} | row for lead, row in enumerate(rows)]
    return pl.DataFrame(told, schema=EXPOSURES).sort("tenant_id", "lead", "step", maintain_order=True)


CADENCE_DAYS = np.array([1, 2, 3, 4, 5, 6, 7, 9, 12, 20])


def cadences(tenants: int, touches: int, odds_ratio: float, seed: int) -> pl.DataFrame:
    """Touches 2 to 8 whose gaps are set as people set them: later touches, and worse leads, wait longer.

    Later touches and worse leads also convert less: log-odds −.2 a touch and .9 per SD of quality, which the logged
    decile sees with an error of .4 SD. Gaps of three to five days have `odds_ratio`.
    """
    rng = np.random.default_rng(seed)
    rows = tenants * touches
    step, quality = rng.integers(2, 9, rows), rng.normal(size=rows)
    usual = np.log(1.5 + 0.7 * (step - 2)) - 0.3 * quality
    ladder = np.exp(-2.0 * (np.log(CADENCE_DAYS) - usual[:, None]) ** 2).cumsum(axis=1)
    days = CADENCE_DAYS[(ladder < rng.random(rows)[:, None] * ladder[:, -1:]).sum(axis=1)]
    effect = np.where((days >= 3) & (days <= 5), np.log(odds_ratio), 0.0)
    log_odds = -1.7 - 0.2 * (step - 2) + 0.9 * quality + effect
    score = quality + 0.4 * rng.normal(size=rows)
    number = np.arange(rows)
    told = {
        "tenant_id": pl.Series([bytes([tenant]) * 16 for tenant in range(tenants)]).gather(number // touches),
        "lead": number,
        "step": step,
        "previous": pl.repeat("email", rows, eager=True),
        "gap_days": days + 0.3,
        "outcome": rng.random(rows) < 1.0 / (1.0 + np.exp(-log_odds)),
        "block": 300 + number % touches * 8 // touches,
        "stratum": np.searchsorted(np.quantile(score, np.arange(1, 10) / 10), score),
        "hour_of_week": pl.repeat(-1, rows, eager=True),
    }
    absent = {name: pl.repeat(value, rows, eager=True) for name, value in DEFAULTS.items() if name not in told}
    return pl.DataFrame(told | absent).select(pl.col(name).cast(kind) for name, kind in EXPOSURES.items())


def extracts(frame: pl.DataFrame, shares_priors: bool = True) -> dict[str, pl.LazyFrame]:
    """What a learner is handed: the exposures, and the tenants that they are of."""
    tenants = frame.select("tenant_id").unique().with_columns(shares_priors=pl.lit(shares_priors))
    return {"exposures": frame.lazy(), "tenants": tenants.lazy()}


def drawn(rows: int, seed: int = 1) -> pl.DataFrame:
    """Touches of four tenants with everything in them: no zone, no score, stand-in times, policies, long paths."""
    rng = np.random.default_rng(seed)
    tenant, lead = rng.integers(0, 4, rows), rng.integers(0, rows // 4, rows)
    step = rng.integers(1, 21, rows)
    logged = rng.random(rows) < 0.3
    synthetic = rng.random(rows) < 0.1
    return exposures(
        [
            {
                "tenant_id": bytes([65 + tenant[i]]) * 16,
                "lead": int(lead[i]),
                "step": int(step[i]),
                "previous": "none" if step[i] == 1 else CHANNELS[rng.integers(len(CHANNELS))],
                "gap_days": None if step[i] == 1 else float(np.float32(rng.exponential(6.0))),
                "outcome": bool(rng.random() < 0.2),
                "block": int(300 + rng.integers(8)),
                "stratum": int(rng.integers(-1, 10)),
                "policy": ("", "v1", "v2")[rng.integers(3)],
                "propensity": 0.5 if logged[i] else None,
                "hour_of_week": -1 if synthetic[i] or rng.random() < 0.1 else int(rng.integers(168)),
                "synthetic": bool(synthetic[i]),
            }
            for i in range(rows)
        ]
    )
