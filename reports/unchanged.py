"""Why did nothing change? Patterns that were held or refused, reason by reason, where there is no room for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.learning import Ruling
from contracts.refusal import Reason
from contracts.runs import LearningReport, Outcome
from reports import words
from reports.records import in_order, ranked

MOST_NAMED = 4
"""Most tenants named with one reason."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Patterns that stayed as they were for one reason. whose: tenants, with the learners that it is about."""

    patterns: int
    why: str
    whose: str


def by_reason(report: LearningReport) -> list[Unchanged]:
    """The commonest reason first."""
    reasons: dict[str, list[Outcome]] = {}
    for outcome in ranked(report):
        if outcome.ruling is not Ruling.PUBLISH:
            reasons.setdefault(outcome.reason, []).append(outcome)
    found = [Unchanged(len(outcomes), _why(outcomes), _whose(outcomes)) for outcomes in reasons.values()]
    return sorted(found, key=lambda one: -one.patterns)


def _why(outcomes: Sequence[Outcome]) -> str:
    """One reason, with the number that decided where it is the same for all."""
    said = {words.because(outcome) for outcome in outcomes}
    ruling, reason = words.RULINGS[outcomes[0].ruling], outcomes[0].reason
    return f"{ruling}: {said.pop() if len(said) == 1 else words.REASONS[Reason(reason)]}"


def _whose(outcomes: Sequence[Outcome]) -> str:
    tenants: dict[str, list[str]] = {}
    for outcome in outcomes:
        tenants.setdefault(outcome.tenant, []).append(outcome.learner)
    named = [f"{tenant} ({', '.join(in_order(names))})" for tenant, names in list(tenants.items())[:MOST_NAMED]]
    more = len(tenants) - MOST_NAMED
    return ", ".join([*named, *([f"{more} more"] if more > 0 else [])])
