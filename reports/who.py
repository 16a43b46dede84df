"""What do a WHO finding and its verdict tell people? Read from payload, diagnostics and proof; gaps are tolerated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.errors import InvalidPatternError
from contracts.learning import Finding, Ruling
from contracts.outcomes import DEFAULT_WEIGHTS
from contracts.runs import Outcome
from contracts.who import Level, WhoPattern
from reports import words
from reports.records import Planted, Said, Tenant

NAME = "who"
Z90 = 1.6448536269514722  # two-sided 90 %


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and its 90 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Bin:
    """Leads of similar predicted probability. observed: their conversion rate, with a 90 % Wilson interval."""

    predicted: float
    observed: float
    n: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Story:
    """WHO for one tenant, ready to be drawn. Everything but tenant and ruling may be missing.

    weights: in force after the run where a pattern is, else what was learned and not published. before: those of the
    version that was replaced, or the documented defaults.
    gain: AUC over the incumbent, with the interval for the next period; fold_gains: the same per time-forward fold.
    lift, lift_before: lift of the top fifth, learned and incumbent. rate: the tenant's own conversion rate.
    auc, auc_ceiling: on the newest fold, of the learned weights and of boosted trees that know no weighted sum.
    """

    tenant: str
    ruling: str
    in_force: bool = False
    weights: tuple[float, ...] | None = None
    before: tuple[float, ...] = DEFAULT_WEIGHTS
    planted: Planted | None = None
    gain: Interval | None = None
    fold_gains: tuple[float, ...] = ()
    auc: float | None = None
    auc_ceiling: float | None = None
    lift: Interval | None = None
    lift_before: float | None = None
    rate: float | None = None
    calibration: tuple[Bin, ...] = ()
    levels: tuple[Level, ...] = ()

    @property
    def published(self) -> bool:
        return self.ruling == words.RULINGS[Ruling.PUBLISH]

    def notable_levels(self, most: int) -> tuple[Level, ...]:
        """Significant levels first, then those that differ most from the tenant's rate: at most so many, by rate."""
        rate = self.rate or 0.0
        ranked = sorted(self.levels, key=lambda lv: (not lv.significant, -abs(lv.rate - rate), lv.dimension, lv.level))
        return tuple(sorted(ranked[:most], key=lambda lv: (-lv.rate, lv.dimension, lv.level)))


def distance(weights: tuple[float, ...], others: tuple[float, ...]) -> float:
    """Total variation between two weight vectors, 0 to 1."""
    return sum(abs(a - b) for a, b in zip(weights, others, strict=True)) / 2


def read(outcome: Outcome, tenant: Tenant) -> Story:
    """The story of one tenant's WHO outcome. Diagnostics and proof that are missing or not finite are left out."""
    said = tenant.said.get(NAME, Said())
    proof = said.verdict.judged_on if said.verdict else {}
    diagnostics = said.finding.diagnostics if isinstance(said.finding, Finding) else {}
    pattern, in_force = _pattern(outcome, said)
    rate = _number(diagnostics, "conversion_rate")
    if rate is None and tenant.leads and tenant.conversions is not None:
        rate = tenant.conversions / tenant.leads
    folds = _items(proof, "folds")
    ceiling = proof.get("ceiling")
    trees = ceiling if isinstance(ceiling, Mapping) else {}
    return Story(
        outcome.tenant,
        words.RULINGS[outcome.ruling],
        in_force=in_force,
        weights=pattern.weights if pattern else None,
        before=_before(outcome, said),
        planted=tenant.planted,
        gain=_interval(proof, "auc_difference"),
        fold_gains=_differences(folds, "auc", "auc_in_force"),
        auc=_number(trees, "auc"),
        auc_ceiling=_number(trees, "auc_of_trees"),
        lift=_interval(proof, "lift20"),
        lift_before=_mean(folds, "lift20_in_force"),
        rate=rate,
        calibration=tuple(b for row in _items(proof, "calibration") if (b := _bin(row)) is not None),
        levels=pattern.dimensions if pattern else (),
    )


def _pattern(outcome: Outcome, said: Said) -> tuple[WhoPattern | None, bool]:
    """The pattern to show, and whether it is in force: the new one, the incumbent that stays, or what was learned."""
    learned = said.finding.payload if isinstance(said.finding, Finding) else None
    if outcome.ruling is Ruling.PUBLISH:
        return _readable(learned), True
    if outcome.version > 0 and said.incumbent and said.incumbent.payload:
        return _readable(said.incumbent.payload), True
    return _readable(learned), False


def _before(outcome: Outcome, said: Said) -> tuple[float, ...]:
    """Weights that a new version replaced; the defaults where it replaced none."""
    replaced = said.incumbent.payload if outcome.ruling is Ruling.PUBLISH and said.incumbent else None
    pattern = _readable(replaced)
    return pattern.weights if pattern else DEFAULT_WEIGHTS


def _readable(payload: Mapping[str, Any] | None) -> WhoPattern | None:
    if payload is None:
        return None
    try:
        return WhoPattern.from_payload(payload)
    except InvalidPatternError:
        return None  # an older schema: the tables name its version, and there is nothing to draw


def _number(row: Mapping[str, Any], key: str) -> float | None:
    value = row.get(key)
    return float(value) if isinstance(value, (int, float)) and words.finite(value) else None


def _items(row: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = row.get(key)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, (list, tuple)) else []


def _interval(proof: Mapping[str, Any], key: str) -> Interval | None:
    """`key` and its `key_ci90`, both finite, or None."""
    value, ends = _number(proof, key), proof.get(f"{key}_ci90")
    if value is None or not isinstance(ends, (list, tuple)) or len(ends) != 2 or not all(map(words.finite, ends)):
        return None
    return Interval(value, float(ends[0]), float(ends[1]))


def _differences(rows: list[Mapping[str, Any]], key: str, other: str) -> tuple[float, ...]:
    pairs = [(_number(row, key), _number(row, other)) for row in rows]
    return tuple(a - b for a, b in pairs if a is not None and b is not None)


def _mean(rows: list[Mapping[str, Any]], key: str) -> float | None:
    values = [value for row in rows if (value := _number(row, key)) is not None]
    return sum(values) / len(values) if values else None


def _bin(row: Mapping[str, Any]) -> Bin | None:
    predicted, observed, n = (_number(row, key) for key in ("predicted", "observed", "n"))
    if predicted is None or observed is None or not n:
        return None
    low, high = _wilson(observed, n)
    return Bin(predicted, observed, int(n), low, high)


def _wilson(rate: float, n: float) -> tuple[float, float]:
    """90 % interval of a rate (Wilson 1927): never outside [0, 1], and honest at 0 and 1."""
    z2 = Z90**2 / n
    centre, spread = (rate + z2 / 2) / (1 + z2), Z90 * math.sqrt(rate * (1 - rate) / n + z2 / (4 * n)) / (1 + z2)
    return max(0.0, centre - spread), min(1.0, centre + spread)
