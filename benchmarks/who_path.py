"""What a weekly run does with a summary, and what a straightforward build would do instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.optimize import minimize

from algorithms.who import WHO
from contracts.learning import Finding, Incumbent, LearningContext, Prior, PriorBook, Ruling, Verdict
from contracts.outcomes import DEFAULT_WEIGHTS
from contracts.refusal import Refusal

Floats = NDArray[np.float64]

CODE = "benchmark"


@dataclass(frozen=True)
class Learned:
    """One decision over a whole world."""

    findings: Mapping[UUID, Finding | Refusal]
    verdicts: Mapping[UUID, Verdict]
    priors: PriorBook

    def published(self, tenant: UUID) -> bool:
        return self.verdicts[tenant].ruling is Ruling.PUBLISH

    def weights(self, tenant: UUID) -> tuple[float, ...]:
        finding = self.findings[tenant]
        return DEFAULT_WEIGHTS if isinstance(finding, Refusal) else tuple(finding.payload["weights"])


def decide(summary: pl.DataFrame, as_of: datetime, priors: PriorBook, incumbents: Mapping[UUID, Incumbent]) -> Learned:
    """What a weekly run does with a summary, priors learned first."""
    learned = WHO.population(summary, LearningContext(as_of, CODE, priors))
    if isinstance(learned, Prior):
        priors = PriorBook((*priors.priors, learned))
    context = LearningContext(as_of, CODE, priors)
    findings = WHO.learn(summary, context)
    return Learned(findings, WHO.judge(summary, findings, incumbents, context), priors)


def in_force(decided: Learned, incumbents: Mapping[UUID, Incumbent]) -> dict[UUID, Incumbent]:
    """The heads after a decision's publications."""
    heads = dict(incumbents)
    for tenant, finding in decided.findings.items():
        if decided.published(tenant) and isinstance(finding, Finding):
            version = heads[tenant].version + 1 if tenant in heads else 1
            heads[tenant] = Incumbent(version, finding.payload, finding.inputs_sha256)
    return heads


def slsqp_weights(components: Floats, converted: NDArray[np.bool_]) -> tuple[float, ...]:
    """The naive peer: log loss of expit(a + b·w·z) over w ≥ 0, Σw = 1, by SLSQP from the default weights."""

    def loss(theta: Floats) -> float:
        x = theta[0] + theta[1] * (components @ theta[2:])
        return float(np.mean(np.logaddexp(0.0, x) - converted * x))

    bounds = [(-20.0, 20.0), (0.0, 30.0)] + [(0.0, 1.0)] * len(DEFAULT_WEIGHTS)
    one = {"type": "eq", "fun": lambda theta: theta[2:].sum() - 1.0}
    found = minimize(loss, [0.0, 4.0, *DEFAULT_WEIGHTS], method="SLSQP", bounds=bounds, constraints=one)
    return tuple(found.x[2:])
