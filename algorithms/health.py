"""How does every published pattern fare? One look at a tenant: all checks of each of its heads, and the verdict.

Daily looking raises no false alarms: the test behind `failing` holds over a head's whole life (sequential, health_who),
at ALPHA divided among the claims of the head. What is in force can only be taken back by that test; everything else
asks a person to look.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

import numpy as np
import polars as pl
from scipy.special import expit

from algorithms import health_checks as checks
from algorithms import health_levels, health_who
from algorithms.health_rows import rows_of, unseen
from algorithms.histories import History
from contracts.errors import InvalidPatternError
from contracts.health import Check, HeadHealth, Health, Watched, worst
from contracts.how import HowPattern
from contracts.learning import Payload
from contracts.levels import Comparison
from contracts.outcomes import DEFAULT_WEIGHTS
from contracts.refusal import Reason, Refusal
from contracts.what import WhatPattern
from contracts.when import WhenPattern
from contracts.who import WhoPattern

ALPHA = 0.05
"""Chance that a head whose claims all stand is ever called failing, however long it lives and is looked at."""

EYED = 0.2
"""The same at which it is called worth watching."""

LEAST_CONVERSIONS = 10
"""Outcomes since, below which a test says nothing yet; it goes on counting all the same."""

DAY = 86_400_000_000  # microseconds


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What one tenant brought, as known at `as_of`. touches: of health_rows; leads: None where none is resolved.

    daily: extract → rows by day. decisions: pattern type → fallback reason ("" for none) → how many in the last day.
    """

    as_of: datetime
    touches: pl.DataFrame | None = None
    leads: History | None = None
    daily: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    decisions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tested:
    """What became of a payload's claims since a moment. log_evidence: None where nothing could be tested."""

    log_evidence: float | None
    checks: tuple[Check, ...]

    @property
    def failing(self) -> bool:
        return any(check.health is Health.FAILING for check in self.checks)


Test = Callable[[Payload, Payload | None, datetime, Seen], Tested]
"""payload, the payload that it replaced, what it was learned as of, what was seen → what became of its claims."""


def examine(head: Watched, seen: Seen) -> HeadHealth:
    """Every check of one head; where it fails, the version to go back to."""
    tested = _test(head, head.payload, seen)
    found = (
        checks.freshness(head.window_end, seen.as_of),
        checks.expiry(head.valid_until, seen.as_of),
        *tested.checks,
        checks.volume(seen.daily.get("touches"), "touches"),
        _fallbacks(seen.decisions.get(head.pattern_type, {})),
    )
    health = worst([check.health for check in found])
    worrying = [check.because for check in found if check.health is health] if health is not Health.HEALTHY else []
    return HeadHealth(
        head.tenant_id,
        head.tenant,
        head.pattern_type,
        head.version,
        health,
        "; ".join(worrying) or "nothing speaks against it",
        found,
        tested.log_evidence,
        back_to=_back_to(head, seen) if health is Health.FAILING else None,
    )


def _back_to(head: Watched, seen: Seen) -> int:
    """The newest earlier version that claims something and that the same outcomes do not speak against; else 0."""
    for version, payload in head.earlier:
        tested = _test(head, payload, seen)
        if tested.log_evidence is not None and tested.log_evidence < math.log(1.0 / EYED):
            return version
    return 0


def _test(head: Watched, payload: Payload, seen: Seen) -> Tested:
    test = TESTS.get(head.pattern_type)
    if test is None:
        return Tested(None, (Check("drift", Health.HEALTHY, "there is no test for this type of pattern"),))
    try:
        return test(payload, head.replaced, head.window_end, seen)
    except InvalidPatternError as fault:
        return Tested(None, (Check("drift", Health.WATCH, f"the pattern cannot be read: {fault}"),))


def _levels(read: Callable[[Payload], Sequence[Comparison]], payload: Payload, since: datetime, seen: Seen) -> Tested:
    claims = [one for one in read(payload) if one.claimed]
    if not claims:
        return Tested(None, (Check("drift", Health.HEALTHY, "it claims nothing that could be tested"),))
    if seen.touches is None:
        return Tested(None, (_nothing_yet(0),))
    fresh = unseen(seen.touches, since)
    limit = health_levels.limit(len(claims), ALPHA)
    found: list[Check] = []
    peaks: list[float] = []
    for claim in claims:
        rows = rows_of(claim.name, fresh)
        if rows is None:
            found.append(Check("drift", Health.HEALTHY, f"{claim.name}: message tests decide it, and touches do not"))
            continue
        drift = health_levels.look(claim, rows, start=0, limit=limit)
        peaks.append(drift.peak - math.log(len(claims)))
        found += [_told_of_claim(drift, limit), _covered(claim, rows, fresh), _kept(claim, rows)]
    return Tested(max(peaks) if peaks else None, tuple(found))


def _told_of_claim(drift: health_levels.Drift, limit: float) -> Check:
    name = f"{drift.question}: {', '.join(drift.levels[:3])}{' …' if len(drift.levels) > 3 else ''}"
    if drift.day is None and drift.conversions < LEAST_CONVERSIONS:
        return _nothing_yet(drift.conversions, name)
    words = (
        f"{name} {_odds(drift.claimed)} claimed, {_odds(drift.now)} among {drift.conversions:,} outcomes since, "
        f"evidence against it {_evidence(drift.peak)} of {_evidence(limit)}"
    )
    return Check("drift", _by_evidence(drift.peak, limit), words)


def _by_evidence(peak: float, limit: float) -> Health:
    if peak >= limit:
        return Health.FAILING
    return Health.WATCH if peak >= limit + math.log(ALPHA / EYED) else Health.HEALTHY


def _covered(claim: Comparison, rows: health_levels.Rows, fresh: pl.DataFrame) -> Check:
    known = int(((rows.level >= 0) & (fresh["stratum"].to_numpy() >= 0)).sum())
    return checks.coverage(known, fresh.height, f"a score and what {claim.name} is about")


def _kept(claim: Comparison, rows: health_levels.Rows) -> Check:
    key = claim.recommendation.key
    mine = rows.level == rows.keys.index(key) if key in rows.keys else np.zeros(len(rows.level), np.bool_)
    return checks.promise(
        claim.recommendation.rate, int(rows.outcome[mine].sum()), int(mine.sum()), f"touches by {key}"
    )


def _who(payload: Payload, replaced: Payload | None, since: datetime, seen: Seen) -> Tested:
    pattern = WhoPattern.from_payload(payload)
    old = WhoPattern.from_payload(replaced).weights if replaced else DEFAULT_WEIGHTS
    if seen.leads is None:
        return Tested(None, (_nothing_yet(0),))
    begin = int(since.timestamp() * 1_000_000)
    order = np.argsort(seen.leads.known, kind="stable")
    rows = order[seen.leads.known[order] > begin]
    components = seen.leads.components[rows].astype(np.float64)
    converted = seen.leads.converted[rows]
    limit = math.log(1.0 / ALPHA)
    day = (seen.leads.known[rows] - begin) // DAY
    ranking = health_who.look(components, converted, day, pattern.weights, old, limit=limit)
    said = expit(pattern.intercept + pattern.slope * (components @ np.array(pattern.weights)))
    kept = checks.promise(float(said.mean()) if len(said) else 0.0, int(converted.sum()), len(said), "resolved leads")
    if ranking.day is None and ranking.conversions < LEAST_CONVERSIONS:
        return Tested(None, (_nothing_yet(ranking.conversions), kept))
    words = (
        f"AUC {ranking.auc:.2f} beside {ranking.old_auc:.2f} of the weights before, over {ranking.conversions:,} "
        f"conversions since, evidence against it {_evidence(ranking.peak)} of {_evidence(limit)}"
    )
    return Tested(ranking.peak, (Check("drift", _by_evidence(ranking.peak, limit), words), kept))


def _nothing_yet(conversions: int, name: str = "") -> Check:
    refusal = Refusal(Reason.TOO_FEW_OUTCOMES, conversions, LEAST_CONVERSIONS, "outcomes since it was learned")
    told = f"{conversions} outcomes since it was learned, too few to test it"
    return Check("drift", Health.HEALTHY, f"{name}: {told}" if name else told, refusal)


def _fallbacks(by_reason: Mapping[str, int]) -> Check:
    return checks.fallbacks({name: n for name, n in by_reason.items() if name}, sum(by_reason.values()))


def _odds(log_odds: float) -> str:
    return f"{math.expm1(log_odds):+.0%} odds".replace("%", " %")


def _evidence(log: float) -> str:
    return f"{math.exp(min(log, 30.0)):.3g}"


def _of_levels(read: Callable[[Payload], Sequence[Comparison]]) -> Test:
    return lambda payload, _, since, seen: _levels(read, payload, since, seen)


TESTS: Mapping[str, Test] = {
    "who": _who,
    "what": _of_levels(lambda payload: WhatPattern.from_payload(payload).comparisons),
    "when": _of_levels(lambda payload: WhenPattern.from_payload(payload).comparisons),
    "how": _of_levels(lambda payload: HowPattern.from_payload(payload).comparisons),
}
"""Type of pattern → its test. A type without one is looked at by the plain checks alone."""


def examine_all(heads: Sequence[Watched], seen: Mapping[UUID, Seen], as_of: datetime) -> list[HeadHealth]:
    """Every head, in the order given; tenants that brought nothing are looked at as such."""
    return [examine(head, seen.get(head.tenant_id, Seen(as_of))) for head in heads]


def taken_back(head: HeadHealth) -> HeadHealth:
    """The same, once the head was moved."""
    return replace(head, rolled_back=True)
