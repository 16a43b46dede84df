"""Which titles, industries, sizes, countries and sources convert more or less than a tenant's other leads?

Rates are shrunk toward the tenant's own (beta-binomial, κ by marginal likelihood); a level is called significant by
Benjamini–Hochberg over all levels that are listed. They are listed by how often they occur, never by their rate, so
that the choice does not favour chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl

from algorithms.multiple_testing import discoveries, score_p_values
from algorithms.shrinkage import shrink_rates
from contracts.who import Level


def describe_levels(tenants: Sequence[pl.DataFrame], *, at_least: int, most: int, fdr: float) -> list[list[Level]]:
    """Per tenant its `most` commonest levels of each dimension that hold `at_least` leads.

    tenants: frames of dimension, level, n, s. fdr: share of significant levels that may be chance, within a tenant.
    """
    frame = pl.concat(
        [
            pl.DataFrame(
                schema={"tenant": pl.Int64, "dimension": pl.String, "level": pl.String, "n": pl.Int64, "s": pl.Int64}
            )
        ]
        + [
            levels.select(
                pl.lit(index, pl.Int64).alias("tenant"),
                pl.col("dimension").cast(pl.String),
                "level",
                pl.col("n", "s").cast(pl.Int64),
            )
            for index, levels in enumerate(tenants)
        ]
    )
    of = ("tenant", "dimension")
    frame = frame.with_columns(pl.col("n", "s").sum().over(of).name.prefix("all_"))
    frame = frame.sort("tenant", "dimension", "n", "level", descending=[False, False, True, False])
    frame = frame.filter((pl.col("n") >= at_least) & (pl.int_range(pl.len()).over(of) < most))
    n, s = frame["n"].to_numpy(), frame["s"].to_numpy()
    tenant = frame["tenant"].to_numpy()
    rates = shrink_rates(n, s, frame.select(pl.struct(of).rle_id()).to_series().to_numpy().astype(np.int64))
    p = score_p_values(n, s, frame["all_n"].to_numpy().astype(float), frame["all_s"].to_numpy().astype(float))
    found: list[list[Level]] = []
    edges = np.searchsorted(tenant, np.arange(len(tenants) + 1))
    names, levels = frame["dimension"].to_list(), frame["level"].to_list()
    for low, high in pairwise(edges):
        stands = discoveries(p[low:high], fdr)
        found.append(
            [
                Level(names[i], levels[i], int(n[i]), int(s[i]), float(rates[i]), bool(stands[i - low]))
                for i in range(low, high)
            ]
        )
    return found
