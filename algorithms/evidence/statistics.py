"""What do counts say about levels, like compared with like? Stratified score statistics.

With n touches and s outcomes of level k in stratum h,

    U_k  = Σ_h s_hk − n_hk·s_h/n_h
    V_kl = Σ_h c_h·(n_h·n_hk·1[k=l] − n_hk·n_hl),   c_h = s_h(n_h − s_h) / (n_h²(n_h − 1))

(Mantel and Haenszel 1959; with touches as strata it is the log-rank statistic of the discrete hazard.) U is what a
level brought beyond its stratum's share, V the hypergeometric covariance of that; U ≈ V·δ for effects δ in log-odds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.evidence.coarsen import joined, segments
from algorithms.evidence.config import EvidenceConfig

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class LevelCounts:
    """Touches n and outcomes s of K levels, (blocks, strata, K), blocks in order of time, like strata side by side.

    strata_groups: (strata,) where strata of unlike group must not be joined: other policy version, other touch number.
    level_groups: (K,) where only levels of one group are alternatives to each other (channels after the same channel);
    a level is then compared with the mix of its own group.
    """

    keys: tuple[str, ...]
    n: Ints
    s: Ints
    strata_groups: tuple[int, ...] | None = None
    level_groups: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.n.shape != self.s.shape or self.n.ndim != 3 or self.n.shape[2] != len(self.keys):
            raise ValueError(f"got counts {self.n.shape} and {self.s.shape} for {len(self.keys)} levels")


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """What the posterior is made from. u: (blocks, K); v: (blocks, K, K); n, s: (K,) touches and outcomes in all.

    strata: cells of block and stratum that compare something. retained: information (trace of v) that is left of what
    the same touches would hold, had they needed no strata; in [0, 1].
    """

    keys: tuple[str, ...]
    n: Ints
    s: Ints
    u: Floats
    v: Floats
    strata: int
    retained: float
    level_groups: tuple[int, ...] | None = None

    @property
    def sample_size(self) -> int:
        return int(self.n.sum())

    @property
    def outcomes(self) -> int:
        """min(conversions, non-conversions): the information count."""
        conversions = int(self.s.sum())
        return min(conversions, self.sample_size - conversions)

    @property
    def use(self) -> Floats:
        """(K,) share of each level in today's mix."""
        share: Floats = self.n / self.n.sum()
        return share


def score_statistics(n: Ints, s: Ints) -> tuple[Floats, Floats]:
    """U (..., K) and V (..., K, K) of counts (..., strata, K). Strata of one outcome or one touch say nothing."""
    touches, hits, scale = _strata(n, s)
    expected = n * (hits / np.maximum(touches, 1))[..., None]
    u = np.where(scale[..., None] > 0.0, s - expected, 0.0).sum(axis=-2)
    weighted = n * scale[..., None]
    v = -(np.swapaxes(weighted, -1, -2) @ n.astype(np.float64))
    diagonal = np.einsum("...kk->...k", v)
    diagonal += (weighted * touches[..., None]).sum(axis=-2)
    return u, v


def gather(counts: Sequence[LevelCounts], config: EvidenceConfig) -> list[Statistics]:
    """Statistics of each, after poor blocks and thin strata were joined; those of one shape together."""
    found: dict[int, Statistics] = {}
    shapes: dict[tuple[object, ...], list[int]] = {}
    for index, one in enumerate(counts):
        shapes.setdefault((one.n.shape, one.strata_groups), []).append(index)
    for members in shapes.values():
        chunk = max(1, 2_000_000 // max(1, counts[members[0]].n.size))  # bounds memory, changes no number
        for start in range(0, len(members), chunk):
            part = members[start : start + chunk]
            found.update(zip(part, _of_one_shape([counts[i] for i in part], config), strict=True))
    return [found[index] for index in range(len(counts))]


def _of_one_shape(counts: Sequence[LevelCounts], config: EvidenceConfig) -> list[Statistics]:
    n, s = np.stack([one.n for one in counts]), np.stack([one.s for one in counts])
    blocks, n, s = _join_blocks(n, s, config)
    _, crude = score_statistics(n.sum(axis=2, keepdims=True), s.sum(axis=2, keepdims=True))
    ids = segments(n.sum(axis=-1)[..., None], config.stratum_rows, counts[0].strata_groups)
    n, s = joined(n, ids), joined(s, ids)
    u, v = score_statistics(n, s)
    informative = (_strata(n, s)[2] > 0.0) & ((n > 0).sum(axis=-1) > 1)
    left, whole = np.trace(v, axis1=-2, axis2=-1).sum(axis=-1), np.trace(crude, axis1=-2, axis2=-1).sum(axis=-1)
    return [
        Statistics(
            keys=one.keys,
            n=one.n.sum(axis=(0, 1)),
            s=one.s.sum(axis=(0, 1)),
            u=u[row, : blocks[row]],
            v=v[row, : blocks[row]],
            strata=int(informative[row].sum()),
            retained=float(min(1.0, left[row] / whole[row])) if whole[row] > 0.0 else 0.0,
            level_groups=one.level_groups,
        )
        for row, one in enumerate(counts)
    ]


def _join_blocks(n: Ints, s: Ints, config: EvidenceConfig) -> tuple[Ints, Ints, Ints]:
    """How many blocks each pattern keeps, and its counts (patterns, blocks, strata, K) in them."""
    patterns, given, strata, levels = n.shape
    both = np.stack([s.sum(axis=(2, 3)), (n - s).sum(axis=(2, 3))], axis=-1)
    ids = segments(both, config.block_outcomes)
    flat, shape = (patterns, given, strata * levels), (patterns, -1, strata, levels)
    n, s = joined(n.reshape(flat), ids), joined(s.reshape(flat), ids)
    return ids.max(axis=-1) + 1, n.reshape(shape), s.reshape(shape)


def _strata(n: Ints, s: Ints) -> tuple[Ints, Ints, Floats]:
    """Touches, outcomes and c of each stratum; c is 0 where a stratum says nothing."""
    touches, hits = n.sum(axis=-1), s.sum(axis=-1)
    says = (touches > 1) & (hits > 0) & (hits < touches)
    size = np.where(says, touches, 2).astype(np.float64)
    scale: Floats = np.where(says, hits * (size - hits) / (size**2 * (size - 1.0)), 0.0)
    return touches, hits, scale
