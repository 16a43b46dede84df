"""WHO, as it is stored and read: the weights of a tenant's score, and what else was learned about who converts.

`WhoPattern.to_payload` writes what `patterns.payload` holds; `WhoPattern.from_payload` reads it and refuses anything
that an engine could not act on. The score of a lead with components z is 100 · weights·z.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from contracts.canonical import rounded
from contracts.decision import Decision
from contracts.errors import InvalidPatternError
from contracts.outcomes import COMPONENTS, DEFAULT_WEIGHTS

SCHEMA = 1
"""Raised by one whenever a reader of the last schema could not act on the new one."""

NEUTRAL = 0.5
"""A component that speaks neither for nor against a lead, where a tenant's usual value is not known."""

DEFAULT_EDGES = (30.0, 35.0, 40.0, 45.0, 50.0, 55.0, 60.0, 65.0, 70.0)
"""Edges of the score's strata while no pattern is in force and no edges were frozen from the tenant's own leads."""

TIERS = ("cold", "cool", "warm", "hot")
"""By the stratum of the score: 0–1 cold, 2–4 cool, 5–7 warm, 8–9 hot; so hot is the usual top fifth of a tenant."""
TIER_STARTS = (0, 2, 5, 8)

SUM_TOLERANCE = 1e-6  # payloads keep 9 significant digits, five of which are summed


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a lead column, such as title = cfo.

    n, s: leads and conversions. rate: shrunk toward the tenant's own rate. significant: differs from the tenant's
    other leads, by Benjamini–Hochberg over all levels that are listed.
    """

    dimension: str
    level: str
    n: int
    s: int
    rate: float
    significant: bool

    def __post_init__(self) -> None:
        if not (0 <= self.s <= self.n and 0.0 <= self.rate <= 1.0):
            raise InvalidPatternError(f"{self.dimension} = {self.level}: {self.s} of {self.n} at a rate of {self.rate}")


@dataclass(frozen=True, slots=True)
class WhoPattern:
    """Everything that the scorer reads.

    weights: per component in the order of COMPONENTS, not negative, sum 1.
    usual: mean of each component over the leads learned from; reasons are told relative to it.
    decile_edges: nine scores, ascending, frozen when this version goes into force; strata of other learners use them.
    intercept, slope: P(converts) = expit(intercept + slope · score/100), recalibrated on the newest leads.
    """

    weights: tuple[float, ...]
    usual: tuple[float, ...]
    decile_edges: tuple[float, ...]
    intercept: float
    slope: float
    dimensions: tuple[Level, ...] = ()

    def __post_init__(self) -> None:
        _numbers("weights", self.weights, len(COMPONENTS), 0.0, 1.0)
        _numbers("usual", self.usual, len(COMPONENTS), 0.0, 1.0)
        _numbers("decile_edges", self.decile_edges, 9, 0.0, 100.0)
        _numbers("intercept and slope", (self.intercept, self.slope), 2, -math.inf, math.inf)
        if abs(sum(self.weights) - 1.0) > SUM_TOLERANCE:
            raise InvalidPatternError(f"weights sum to {sum(self.weights):g}, and must sum to 1")
        if list(self.decile_edges) != sorted(self.decile_edges):
            raise InvalidPatternError("decile_edges are not in ascending order")
        if self.slope < 0:
            raise InvalidPatternError(f"slope is {self.slope:g}, and a better score may not convert less")

    def to_payload(self) -> dict[str, Any]:
        """The pattern as JSON-ready values, floats as they will be hashed."""
        payload = rounded({"schema": SCHEMA, "components": list(COMPONENTS), **asdict(self)})
        assert isinstance(payload, dict)
        return payload

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> WhoPattern:
        """Read a stored payload; raises InvalidPatternError where anything is missing, mistyped or out of range."""
        try:
            if payload["schema"] != SCHEMA:
                raise InvalidPatternError(f"schema is {payload['schema']!r}, and {SCHEMA} is understood")
            if tuple(payload["components"]) != COMPONENTS:
                raise InvalidPatternError(f"components are {payload['components']!r}, and not {COMPONENTS!r}")
            return cls(
                weights=_floats(payload["weights"]),
                usual=_floats(payload["usual"]),
                decile_edges=_floats(payload["decile_edges"]),
                intercept=float(payload["intercept"]),
                slope=float(payload["slope"]),
                dimensions=tuple(Level(**level) for level in payload["dimensions"]),
            )
        except KeyError as missing:
            raise InvalidPatternError(f"{missing.args[0]} is missing") from None
        except InvalidPatternError:
            raise
        except (TypeError, ValueError) as mistyped:
            raise InvalidPatternError(str(mistyped)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadScore(Decision):
    """The scorer's decision about one lead.

    score: 0 to 100. stratum: 0 to 9, by the edges in force. tier: one of TIERS. probability: of converting, None
    without a pattern. weights: those used. moved: (component, points above or below usual), largest first.
    """

    score: float
    stratum: int
    tier: str
    probability: float | None
    weights: tuple[float, ...] = DEFAULT_WEIGHTS
    moved: tuple[tuple[str, float], ...] = ()


def _floats(values: Iterable[Any]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _numbers(name: str, values: tuple[float, ...], count: int, low: float, high: float) -> None:
    if len(values) != count:
        raise InvalidPatternError(f"{name}: got {len(values)} numbers, wanted {count}")
    if not all(math.isfinite(value) and low <= value <= high for value in values):
        raise InvalidPatternError(f"{name}: got {values}, wanted finite numbers from {low:g} to {high:g}")
