"""Which level is better than what is done today? What WHAT, WHEN and HOW store, and what their engines read.

A comparison holds the levels of one question (an hour of the week, a channel, an angle) against the mix of levels in
use. Gains are log-odds against that mix, shrunk; probabilities concern the next period, drift included.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from contracts.errors import InvalidPatternError

CLAIMED_AT = 0.70
"""Confidence from which a recommendation is acted upon; below it, exploring is the better use of a touch."""


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a question.

    n, s: touches, and those with an outcome. use: share in the baseline mix (sums to 1 over levels). gain: posterior
    mean log-odds against the mix; sd: of that gain. p_better: P(real, and above the mix next period). p_best: P(best of
    all levels); sums to 1 over levels.
    """

    key: str
    n: int
    s: int
    use: float
    gain: float
    sd: float
    p_better: float
    p_best: float


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The best level. gain: log-odds against the mix, with a 90 % interval; rate: expected outcomes per touch."""

    key: str
    gain: float
    low: float
    high: float
    rate: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The answer to one question.

    confidence: P(the effect is real AND the recommended level beats the mix in the next period). claimed: confidence is
    at least CLAIMED_AT and the newest block does not contradict it; engines act on claimed ones only.
    outcomes: min(conversions, non-conversions) among the sample's touches. rate: outcomes per touch at today's mix.
    randomised: policy and propensities were logged, so that strata make levels comparable.
    """

    name: str
    sample_size: int
    outcomes: int
    rate: float
    confidence: float
    claimed: bool
    randomised: bool
    recommendation: Recommendation
    levels: tuple[Level, ...]

    def __post_init__(self) -> None:
        if not self.levels or self.recommendation.key not in {level.key for level in self.levels}:
            raise InvalidPatternError(f"{self.name}: the recommended {self.recommendation.key!r} is none of its levels")
        if not 0.0 <= self.confidence <= 1.0:
            raise InvalidPatternError(f"{self.name}: confidence is {self.confidence}")
        for level in self.levels:
            numbers = (level.use, level.gain, level.sd, level.p_better, level.p_best)
            if not all(map(math.isfinite, numbers)) or not 0.0 <= level.p_best <= 1.0:
                raise InvalidPatternError(f"{self.name}: level {level.key} holds {numbers}")

    def level(self, key: str) -> Level | None:
        return next((level for level in self.levels if level.key == key), None)

    def to_payload(self) -> dict[str, Any]:
        fields = {name: getattr(self, name) for name in Comparison.__slots__}
        levels = tuple({name: getattr(level, name) for name in Level.__slots__} for level in self.levels)
        return fields | {
            "recommendation": asdict(self.recommendation),
            "levels": levels,
        }  # asdict copies, level by level

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Comparison:
        """Read a stored comparison; raises InvalidPatternError where anything is missing, mistyped or out of range."""
        try:
            fields = dict(payload)
            fields["recommendation"] = Recommendation(**fields["recommendation"])
            fields["levels"] = tuple(Level(**level) for level in fields["levels"])
            return cls(**fields)
        except InvalidPatternError:
            raise
        except (KeyError, TypeError, ValueError) as fault:
            raise InvalidPatternError(str(fault)) from None
