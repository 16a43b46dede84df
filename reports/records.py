"""What a report is made from: a run's LearningReport, which is required, and whatever is known beside it.

Findings and verdicts travel as learners and gates gave them. Which of their diagnostics become pictures is decided by
the chapter of each learner (`reports/who.py`), so that whoever fills these records knows no learner by name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from contracts.learning import Finding, Incumbent, Ruling, Verdict
from contracts.refusal import Refusal
from contracts.runs import LearningReport, Outcome

Truth = Literal["planted", "no_signal", "incumbent"]

LEARNERS = ("who", "what", "when", "how")
"""The order in which questions are read; others follow by name."""


@dataclass(frozen=True, slots=True)
class Planted:
    """What a simulated world holds for one tenant; real tenants have none.

    kind: `planted` own weights, `no_signal` components say nothing, `incumbent` the defaults are the truth.
    weights: true weights in the order of contracts.outcomes.COMPONENTS; None where there is no signal.
    newcomer: joined too lately for anything to be learned. effects: planted log-odds, as in truth.json: channels,
    pairs (previous → channel), hours, weekdays (Monday first), features (feature → level), templates.
    """

    kind: Truth
    weights: tuple[float, ...] | None = None
    newcomer: bool = False
    effects: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
    """One learner about one tenant: the finding or refusal, the gate's verdict, and what was in force before."""

    finding: Finding | Refusal | None = None
    verdict: Verdict | None = None
    incumbent: Incumbent | None = None


@dataclass(frozen=True, slots=True)
class Quality:
    """One tenant's data as the checks saw it. dropped: code of contracts.defects → rows left out (or blanked)."""

    leads: int
    touches: int
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tenant:
    """Everything known about one tenant. said: learner name → what it said."""

    name: str
    leads: int | None = None
    conversions: int | None = None
    said: Mapping[str, Said] = field(default_factory=dict)
    quality: Quality | None = None
    planted: Planted | None = None


def ranked(report: LearningReport) -> list[Outcome]:
    """Published first, then held, then refused; within each those with most outcomes first."""
    order = list(Ruling)
    return sorted(report.outcomes, key=lambda o: (order.index(o.ruling), -o.outcomes, o.tenant, o.learner))


def by_tenant(report: LearningReport) -> list[dict[str, Outcome]]:
    """One entry a tenant, learner → outcome: those with most new patterns first, then those with most outcomes."""
    tenants: dict[UUID, dict[str, Outcome]] = {}
    for outcome in ranked(report):
        tenants.setdefault(outcome.tenant_id, {})[outcome.learner] = outcome
    return sorted(tenants.values(), key=_most_told)


def _most_told(outcomes: Mapping[str, Outcome]) -> tuple[int, int, str]:
    published = sum(outcome.ruling is Ruling.PUBLISH for outcome in outcomes.values())
    return -published, -max(outcome.outcomes for outcome in outcomes.values()), next(iter(outcomes.values())).tenant


def learners(report: LearningReport) -> list[str]:
    """Who took part in the run, in the order of LEARNERS."""
    return in_order({outcome.learner for outcome in report.outcomes})


def in_order(names: Collection[str]) -> list[str]:
    """Learners' names in the order of LEARNERS, others behind."""
    return [name for name in LEARNERS if name in names] + sorted(set(names) - set(LEARNERS))


@dataclass(frozen=True, slots=True)
class ReportInput:
    """Everything a page, a Prefect artifact or a terminal table is made from.

    title: whose report it is. run_url: the run in the Prefect UI. settings: name → value, secrets left out.
    questions: learner name → the question it answers. code_version: hash of what can change a pattern.
    """

    report: LearningReport
    tenants: Mapping[UUID, Tenant] = field(default_factory=dict)
    title: str = "Learnback"
    run_url: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    questions: Mapping[str, str] = field(default_factory=dict)
    code_version: str = ""

    @property
    def simulated(self) -> bool:
        """Whether any tenant's truth is known, so that learned can be shown beside planted."""
        return any(tenant.planted for tenant in self.tenants.values())
