"""What is asked of touches: each content feature of each tenant by itself, and then all features of a tenant together.

Eight questions give more false answers than one. How often a feature matters is therefore not assumed but learned,
from all of a tenant's features at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from itertools import islice

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit, logit, logsumexp

from algorithms.evidence import Compared, EvidenceConfig, Statistics, compare_statistics
from algorithms.evidence.kernels import independent
from algorithms.evidence.memo import Memo
from algorithms.what_levels import Messages, level_statistics, tenants
from algorithms.what_texts import Spread, TextPrior
from contracts.canonical import content_hash
from contracts.refusal import Refusal

Floats = NDArray[np.float64]
Result = Compared | Refusal

TOGETHER = 64
"""Tenants whose counts lie in memory at once."""

GRID = 200
"""Points at which the chance that a feature matters is looked at."""


@dataclass(frozen=True)
class QuestionsConfig:
    """Changing one changes what is learned."""

    evidence: EvidenceConfig = field(default_factory=EvidenceConfig)
    text_prior: TextPrior = field(default_factory=TextPrior)
    most_texts: int = 128  # of a tenant, the most used; each costs a row and a column
    p_real: float = 0.58  # chance that a feature matters, where no population was learned
    least_real: float = 0.58  # lowest chance that a population may teach; see docs/what.md, "How often it matters"
    p_real_weight: float = 10.0  # features' worth of that belief, beside the tenant's own eight

    def chance(self, learned: float) -> float:
        """What a population that learned this teaches."""
        return max(learned, self.least_real)


@cache
def _settings(config: QuestionsConfig) -> str:
    return content_hash(asdict(config))


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What one tenant's touches can be asked: how its texts differ, and statistics by feature."""

    tenant: Messages
    spread: Spread | None
    features: Mapping[str, Statistics]

    @property
    def randomised(self) -> bool:
        return self.tenant.texts is not None and self.tenant.texts.randomised


def together(config: QuestionsConfig, summary: pl.DataFrame) -> Iterator[list[Asked]]:
    """Tenants of a summary with their statistics, TOGETHER at a time."""
    waiting = tenants(summary, config.most_texts)
    while some := list(islice(waiting, TOGETHER)):
        yield [_asked(config, tenant) for tenant in some]


def _asked(config: QuestionsConfig, tenant: Messages) -> Asked:
    """A tenant's statistics; the population and the findings of one run ask for the same."""
    if tenant.texts is None:
        return Asked(tenant, None, {})
    key = f"{tenant.digest} {_settings(config)}".encode()
    known = _STATISTICS.recall(key)
    if known is None:
        known = level_statistics(tenant.texts, config.text_prior, config.evidence)
        _STATISTICS.remember(key, known)
    return Asked(tenant, *known)


_STATISTICS: Memo[tuple[Spread, dict[str, Statistics]]] = Memo(5_000)
"""Of about 20 kB a tenant."""


def answers(config: QuestionsConfig, some: Sequence[Asked]) -> list[dict[str, Result]]:
    """Every feature of every tenant by itself, all of one feature together."""
    answered: list[dict[str, Result]] = [{} for _ in some]
    for name in sorted({name for one in some for name in one.features}):
        rows = [row for row, one in enumerate(some) if name in one.features]
        found = compare_statistics(
            name,
            [some[row].features[name] for row in rows],
            independent,
            randomised=[some[row].randomised for row in rows],
            pi1=config.p_real,
            config=config.evidence,
        )
        for row, result in zip(rows, found, strict=True):
            answered[row][name] = result
    return answered


def weighed(config: QuestionsConfig, one: Asked, results: Mapping[str, Result], p_real: float) -> dict[str, Result]:
    """The same with the chance of each feature learned from all of them."""
    told = {name: result for name, result in results.items() if isinstance(result, Compared)}
    real = chances([result.log_bf for result in told.values()], p_real, config.p_real_weight)
    again = dict(results)
    for (name, result), chance in zip(told.items(), real, strict=True):
        (again[name],) = compare_statistics(
            name,
            [one.features[name]],
            independent,
            randomised=[one.randomised],
            pi1=prior_of(float(chance), result.log_bf),
            config=config.evidence,
        )
    return again


def prior_of(chance: float, log_bf: float) -> float:
    """The prior at which this evidence gives that chance. What is certain within rounding has one, too."""
    inner = min(max(chance, CERTAIN), 1.0 - CERTAIN)
    return min(max(float(expit(logit(inner) - log_bf)), CERTAIN), 1.0 - CERTAIN)


CERTAIN = 1e-12
"""A chance nearer than this to 0 or 1 is rounding."""


def chances(log_bfs: Sequence[float], p_real: float, weight: float) -> Floats:
    """(features,) P(real) of each, where all share one unknown chance p ~ Beta with that mean and weight.

    Seven features that show nothing make the eighth less likely (Scott and Berger 2010); one alone keeps `p_real`.
    """
    chance = (np.arange(GRID) + 0.5) / GRID
    evidence = np.asarray(log_bfs, np.float64)[:, None]
    either = np.logaddexp(np.log1p(-chance), np.log(chance) + evidence)  # (features, GRID)
    log_weight = (weight * p_real - 1.0) * np.log(chance) + (weight * (1.0 - p_real) - 1.0) * np.log1p(-chance)
    log_weight = log_weight + either.sum(axis=0)
    shares = np.exp(log_weight - logsumexp(log_weight))
    found: Floats = np.exp(np.log(chance) + evidence - either) @ shares
    return found
