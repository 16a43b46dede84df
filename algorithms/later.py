"""What did a claim meet that it had not learned from? Its level against the mix, in touches counted since.

Summaries only add up, so that the summary of a later moment without that of an earlier one holds exactly the touches
that were counted in between. In these, u and v of the claimed level k are those of the evidence engine, scaled to the
gain over the mix: the level's log-odds over the others, d ≈ U_k / V_kk, are d · (1 − use_k) over the mix of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import polars as pl

from algorithms.evidence import Statistics
from contracts.levels import Comparison
from contracts.walk_forward import Met

LEAST = 1e-9
"""Information below which a week said nothing about a level."""


def newly_counted(before: pl.DataFrame, after: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Rows of `after` less those of `before`, ordered by `keys`; what was counted long ago and is forgotten stays out.

    Both hold counts n and s by `keys`.
    """
    taken = before.with_columns(-pl.col("n"), -pl.col("s"))
    rest = pl.concat([after, taken]).group_by(keys).agg(pl.col("n", "s").sum()).filter(pl.col("n") > 0)
    return rest.select(after.columns).sort(keys)


def met(comparisons: Iterable[Comparison], statistics: Mapping[str, Statistics]) -> tuple[Met, ...]:
    """What each claim met. statistics: question → later touches; questions that are not in it met nothing."""
    found = (_met(one, statistics[one.name]) for one in comparisons if one.claimed and one.name in statistics)
    return tuple(one for one in found if one is not None)


def _met(claim: Comparison, later: Statistics) -> Met | None:
    best = claim.recommendation.key
    said = claim.level(best)
    if best not in later.keys or said is None:
        return None
    place = later.keys.index(best)
    alternatives = _alternatives(later, place)
    n, used = int(later.n[alternatives].sum()), int(later.n[place])
    others = 1.0 - used / max(n, 1)
    u, v = float(later.u[:, place].sum()), float(later.v[:, place, place].sum())
    if v <= LEAST or others <= 0.0:
        return None
    return Met(
        name=claim.name,
        key=best,
        confidence=claim.confidence,
        said=said.gain,
        said_sd=said.sd,
        n=n,
        s=int(later.s[alternatives].sum()),
        used=used,
        u=u / others,
        v=v / others**2,
    )


def _alternatives(later: Statistics, place: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(K,) which levels the one at `place` is an alternative to, itself included."""
    if later.level_groups is None:
        return np.ones(len(later.keys), np.bool_)
    groups = np.array(later.level_groups)
    alike: np.ndarray[tuple[int], np.dtype[np.bool_]] = groups == groups[place]
    return alike
