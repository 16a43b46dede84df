"""Does what a head claims of a level still hold? Its touches since, against the other levels within strata.

Tested is what engines act on: the recommended level, or where few touches have it (an hour among 168), all levels that
the pattern puts above the mix. The claim stands while their log-odds against the alternatives are above the lower end
of its 80 % interval, or four fifths of the gain where that is less; it has turned where the sign is the opposite.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.sequential import Cells, Hypotheses, close_cells, log_evidence
from contracts.levels import CLAIMED_AT, Comparison, Level

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

RARE = 0.05
"""Share of touches below which a level alone would take months to test."""

STANDS, LOWER_END = 0.8, 1.2815515655446004
"""Part of the claimed gain that must be left, and standard deviations below it that may be missing.

Measured at 30 conversions a week, a level with a fifth of the touches: at .5 a turn was seen within three weeks in .70
of the worlds, at .75 with the 90 % interval in .79, at .8 with the 80 % interval in .84; at the whole gain in .93, and
then drift was taken for a turn in one steady world of five (docs/health.md)."""

LEAST_TURN = 0.3
"""Log-odds between standing and turned at least: smaller differences are drift."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Resolved touches since the head was learned, in order of days, (rows,) each.

    day: whole days, on any calendar. stratum: what may differ between touches besides the level; touches of unlike
    stratum are never compared. level: index into `keys`; −1 where it has none.
    """

    day: Ints
    stratum: Ints
    level: Ints
    outcome: Bools
    keys: tuple[str, ...]

    def since(self, day: int) -> Rows:
        new = self.day >= day
        return Rows(self.day[new], self.stratum[new], self.level[new], self.outcome[new], self.keys)


@dataclass(frozen=True, slots=True)
class Drift:
    """What the touches since say about one claim.

    peak: highest log evidence against the claim so far, which is what counts: a test that may be looked at daily is
    passed once and for good. day: on which the evidence first passed the limit, None where it never did.
    claimed, now: log-odds of the levels in question against their alternatives. conversions: in the cells compared.
    """

    question: str
    levels: tuple[str, ...]
    peak: float
    day: int | None
    claimed: float
    now: float
    conversions: int


def watched(comparison: Comparison) -> tuple[Level, ...]:
    """The levels that are tested together, in the order of the pattern."""
    top = comparison.level(comparison.recommendation.key)
    assert top is not None  # a comparison without it cannot be made
    if top.use >= RARE:
        return (top,)
    better = tuple(one for one in comparison.levels if one.gain > 0.0 and one.p_better >= CLAIMED_AT)
    return better or (top,)


def claim(comparison: Comparison, levels: tuple[Level, ...]) -> tuple[float, float]:
    """Log-odds against the alternatives: as claimed, and the least with which the claim stands.

    A gain is told against a mix in which the levels themselves have their share, so that against the others it is
    larger by 1 / (1 − share).
    """
    mix = sum(level.use for level in levels)
    parts = [level.use / mix if mix > 0.0 else 1.0 / len(levels) for level in levels]
    gain = sum(part * level.gain for part, level in zip(parts, levels, strict=True))
    low = sum(part * (level.gain - LOWER_END * level.sd) for part, level in zip(parts, levels, strict=True))
    scale = 1.0 / max(1.0 - _share(comparison, levels), 0.05)
    return gain * scale, min(STANDS * gain, low) * scale


def hypotheses(claimed: float, stands: float) -> Hypotheses:
    """The claim stands, or its sign is the opposite."""
    return Hypotheses(stands, (stands - max(LEAST_TURN, stands + claimed),), (1.0,))


def look(comparison: Comparison, rows: Rows, *, start: int, limit: float) -> Drift:
    """Test one claim on the touches since day `start`. limit: log evidence at which it counts as turned."""
    levels = watched(comparison)
    claimed, stands = claim(comparison, levels)
    wanted = [rows.keys.index(level.key) for level in levels if level.key in rows.keys]
    known = rows.level >= 0
    cells = close_cells(rows.day[known], rows.stratum[known], np.isin(rows.level[known], wanted), rows.outcome[known])
    path = log_evidence(cells, hypotheses(claimed, stands), start)
    passed = np.flatnonzero(path >= limit)
    return Drift(
        question=comparison.name,
        levels=tuple(level.key for level in levels),
        peak=float(path.max(initial=0.0)),
        day=int(cells.day[passed[0]]) if len(passed) else None,
        claimed=claimed,
        now=estimate(cells),
        conversions=cells.conversions,
    )


def estimate(cells: Cells) -> float:
    """Log-odds ratio of the level in question, one step of Newton from no effect; 0 where nothing was compared."""
    touches = cells.touches.astype(np.float64)
    share = cells.used / np.maximum(touches, 1.0)
    beyond = float((cells.won - cells.hits * share).sum())
    spread = cells.hits * (touches - cells.hits) * share * (1.0 - share) / np.maximum(touches - 1.0, 1.0)
    information = float(spread.sum())
    return beyond / information if information > 0.0 else 0.0


def limit(claims: int, alpha: float) -> float:
    """Log evidence that a head with so many claims may reach with probability `alpha` while all of them stand."""
    return math.log(max(claims, 1) / alpha)


def _share(comparison: Comparison, levels: tuple[Level, ...]) -> float:
    """Share of the levels in the touches of those that they are alternatives to: after the same channel, or all."""
    groups = {_group(level.key) for level in levels}
    among = sum(level.use for level in comparison.levels if _group(level.key) in groups)
    return sum(level.use for level in levels) / among if among > 0.0 else 0.0


def _group(key: str) -> str:
    """What stands before the arrow of a pair such as `email>sms`; nothing where levels are no pairs."""
    before, arrow, _ = key.rpartition(">")
    return before if arrow else ""
