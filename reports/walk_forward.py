"""What became of what was learned? Claims beside the outcomes that came after them, pooled over weeks and tenants.

Every claim met touches (of WHO: leads) that it had not learned from. Sums over weeks estimate the same gain that was
claimed: x = Σu / Σv, with variance 1 / Σv. Weeks are disjoint, so that they add up. x counts outcomes at a level beside
those that its mix would have brought, and is a gain in log-odds for small gains only; `in_log_odds` makes it one.
Texts bring their own luck again every week, which sums over weeks take for new evidence: intervals of WHAT are somewhat
too short.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from contracts.walk_forward import EDGES, Later, Logged, Met, Promised, Ranked, Walked

WHO = "who"
Z90 = 1.6448536269514722  # two-sided 90 %

BINS = (0.7, 0.8, 0.9, 0.95, 1.0)
"""Edges of the bins of confidence."""

LEAST = 0.01
"""Rates are not told as less than this part of the mix's: what was never seen may still happen."""

WINDOW = 4
"""Steps whose outcomes are drawn as one point."""

LEAST_EFFECTIVE = 100.0
"""Effective touches below which an off-policy value is not told (as in algorithms.off_policy)."""


@dataclass(frozen=True, slots=True)
class WalkReport:
    """Everything that a backfill tells. ran: slices that this run worked on, of `slices`.

    published: learner → tenant → version that --publish-last put in force.
    """

    began: datetime
    until: datetime
    step_days: int
    dry_run: bool
    tenants: int
    slices: int
    ran: int
    walked: tuple[Walked, ...]
    published: dict[str, dict[str, int]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    run_url: str | None = None
    html: Path | None = None

    @property
    def later(self) -> list[tuple[Walked, Later]]:
        """Steps at which a pattern in force met something."""
        return [(step, step.later) for step in self.walked if step.later]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with a 90 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, sd: float) -> Interval:
        return cls(value, value - Z90 * sd, value + Z90 * sd)


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim over all steps at which it was in force.

    since, until: the first and last moment up to which it met something. n, s, used: touches (leads), outcomes, and
    touches at the level. said, happened: gain in log-odds over the mix; of WHO, difference of AUC to what it replaced.
    score: Σu / Σv, before it became log-odds.
    """

    tenant: str
    learner: str
    name: str
    key: str
    confidence: float
    since: datetime
    until: datetime
    steps: int
    n: int
    s: int
    used: int
    said: Interval
    score: Interval
    happened: Interval

    @property
    def held(self) -> str:
        """`yes` or `no` where the interval leaves no doubt, else which way it leans."""
        if self.happened.low > 0.0:
            return "yes"
        if self.happened.high < 0.0:
            return "no"
        return "leans yes" if self.happened.value > 0.0 else "leans no"


def claims(report: WalkReport) -> list[Claim]:
    """Every claim that met something, by tenant, learner and question. Versions that claim the same are one claim."""
    grouped: dict[tuple[object, ...], list[tuple[Walked, Met]]] = defaultdict(list)
    for step, later in report.later:
        for met in later.claims:
            version = later.version if step.learner == WHO else 0  # what WHO claims is relative to what was replaced
            grouped[step.tenant, step.learner, met.name, met.key, version].append((step, met))
    return [_claim(steps) for _, steps in sorted(grouped.items(), key=lambda item: tuple(map(str, item[0])))]


def _claim(steps: Sequence[tuple[Walked, Met]]) -> Claim:
    first, met = steps[0]
    u, v = sum(one.u for _, one in steps), sum(one.v for _, one in steps)
    said = sum(one.said * one.v for _, one in steps) / v
    sd = sum(one.said_sd * one.v for _, one in steps) / v
    n, s = sum(one.n for _, one in steps), sum(one.s for _, one in steps)
    score = Interval.of(u / v, v**-0.5)
    return Claim(
        tenant=first.tenant,
        learner=first.learner,
        name=met.name,
        key=met.key,
        confidence=sum(one.confidence * one.v for _, one in steps) / v,
        since=first.as_of,
        until=steps[-1][0].as_of,
        steps=len(steps),
        n=n,
        s=s,
        used=sum(one.used for _, one in steps),
        said=Interval.of(said, sd),
        score=score,
        happened=score if first.learner == WHO else in_log_odds(score, s / n),
    )


def in_log_odds(score: Interval, rate: float) -> Interval:
    """Σu / Σv of a level as a gain in log-odds over a mix with this rate of outcomes.

    x = (O/E − 1) / (1 − rate), for O outcomes at the level and E that the mix would have brought. The level's own rate
    is then rate·(1 + x·(1 − rate)), and its log-odds less those of the mix log(1 + x·(1 − rate)) − log(1 − x·rate).
    """

    def gain(x: float) -> float:
        ratio, misses = max(1.0 + x * (1.0 - rate), LEAST), max(1.0 - x * rate, LEAST)
        return math.log(ratio) - math.log(misses)

    return Interval(gain(score.value), gain(score.low), gain(score.high))


@dataclass(frozen=True, slots=True)
class Kept:
    """One bin of confidence: how often the measured sign of a week was the claimed one, and how often it should be.

    weeks: meetings of a claim with a step's outcomes. expected: share of right signs if gains are as claimed, given how
    little a week can tell. observed: with a 90 % interval that takes the weeks of one claim as alike.
    """

    low: float
    high: float
    claims: int
    weeks: int
    expected: float
    observed: Interval


def kept(report: WalkReport) -> list[Kept]:
    """Claims of levels by confidence; WHO has a calibration of its own."""
    found = []
    for low, high in pairwise(BINS):
        by_claim: dict[tuple[str, ...], list[Met]] = defaultdict(list)
        for step, later in report.later:
            for met in later.claims if step.learner != WHO else ():
                if low <= met.confidence < high or met.confidence == high == BINS[-1]:
                    by_claim[step.tenant, step.learner, met.name, met.key].append(met)
        if by_claim:
            found.append(_kept(low, high, list(by_claim.values())))
    return found


def _kept(low: float, high: float, of_claim: Sequence[Sequence[Met]]) -> Kept:
    weeks = [met for one in of_claim for met in one]
    share = sum(met.u > 0.0 for met in weeks) / len(weeks)
    spread = sum(sum((met.u > 0.0) - share for met in one) ** 2 for one in of_claim)  # weeks of a claim go together
    apart = share * (1.0 - share) * len(weeks)  # and are no surer than if they did not
    estimate = Interval.of(share, math.sqrt(max(spread, apart)) / len(weeks))
    observed = Interval(share, max(0.0, estimate.low), min(1.0, estimate.high))
    return Kept(low, high, len(of_claim), len(weeks), sum(map(expected, weeks)) / len(weeks), observed)


def expected(met: Met) -> float:
    """P(more outcomes at the level than its mix would have brought) if the gain is N(said, said_sd²).

    Outcomes are Poisson around E·exp(gain), E = v·(1 − use) / (1 − rate): where E is below one, none at all is the
    likeliest, and the sign is the wrong one however true the claim.
    """
    mix = met.v * (1.0 - met.used / met.n) / (1.0 - met.s / met.n)
    return sum(
        weight * _above(mix, mix * math.exp(met.said + node * met.said_sd))
        for node, weight in zip(NODES, WEIGHTS, strict=True)
    )


NODES = (-2.85697, -1.35563, 0.0, 1.35563, 2.85697)
WEIGHTS = (0.0112574, 0.2220759, 0.5333333, 0.2220759, 0.0112574)
"""Gauss–Hermite quadrature of five points under N(0, 1)."""


def _above(bound: float, mean: float) -> float:
    """P(a Poisson variable of this mean lies above the bound)."""
    term = below = math.exp(-mean)
    for count in range(1, math.floor(bound) + 1):
        term *= mean / count
        below += term
    return max(0.0, 1.0 - below)


@dataclass(frozen=True, slots=True)
class Period:
    """Claims of levels in force during some steps: what they said on average, and what happened. Log-odds."""

    until: datetime
    claims: int
    n: int
    said: float
    happened: Interval


def periods(report: WalkReport) -> list[Period]:
    """Calibration over time, WINDOW steps a point, oldest first. Claims count by what the period could tell of them."""
    moments = sorted({step.as_of for step in report.walked})
    place = {moment: index // WINDOW for index, moment in enumerate(moments)}
    grouped: dict[int, list[tuple[Walked, Met]]] = defaultdict(list)
    for step, later in report.later:
        if step.learner != WHO:
            grouped[place[step.as_of]] += [(step, met) for met in later.claims]
    return [_period(steps) for _, steps in sorted(grouped.items()) if steps]


def _period(steps: Sequence[tuple[Walked, Met]]) -> Period:
    u, v = sum(met.u for _, met in steps), sum(met.v for _, met in steps)
    n, s = sum(met.n for _, met in steps), sum(met.s for _, met in steps)
    return Period(
        until=max(step.as_of for step, _ in steps),
        claims=len({(step.tenant, step.learner, met.name, met.key) for step, met in steps}),
        n=n,
        said=sum(met.said * met.v for _, met in steps) / v,
        happened=in_log_odds(Interval.of(u / v, v**-0.5), s / n),
    )


@dataclass(frozen=True, slots=True)
class Promise:
    """Leads to whom about the same probability was promised: the mean promise, and how many converted."""

    n: int
    promised: float
    happened: Interval


def promises(report: WalkReport) -> list[Promise]:
    """WHO's probabilities beside what happened, by bins of EDGES."""
    bins: dict[int, list[Promised]] = defaultdict(list)
    for _, later in report.later:
        for one in later.promised:
            bins[one.bin].append(one)
    return [_promise(some) for _, some in sorted(bins.items())]


def _promise(some: Sequence[Promised]) -> Promise:
    n, happened = sum(one.n for one in some), sum(one.happened for one in some)
    return Promise(n, sum(one.expected for one in some) / n, wilson(happened, n))


def wilson(s: int, n: int) -> Interval:
    """A share with Wilson's 90 % interval (Wilson 1927), which keeps within 0 and 1."""
    share, scale = s / n, 1.0 + Z90**2 / n
    middle = (share + Z90**2 / (2 * n)) / scale
    half = Z90 * math.sqrt(share * (1 - share) / n + Z90**2 / (4 * n * n)) / scale
    return Interval(share, middle - half, middle + half)


@dataclass(frozen=True, slots=True)
class Lifted:
    """Conversions among the top fifth of later leads, by learned weights and by the defaults.

    more: conversions that the learned ranking had more, with a 90 % interval from the leads on which the two differ.
    """

    tenant: str
    leads: int
    conversions: int
    learned: int
    default: int
    more: Interval


def lifted(report: WalkReport) -> list[Lifted]:
    """Every tenant whose learned weights were in force, largest first; then, of several, all together."""
    of_tenant: dict[str, list[Ranked]] = defaultdict(list)
    for step, later in report.later:
        if later.ranked:
            of_tenant[step.tenant].append(later.ranked)
    found = sorted((_lifted(name, some) for name, some in of_tenant.items()), key=lambda one: (-one.leads, one.tenant))
    together = [_lifted("All together", [one for some in of_tenant.values() for one in some])] if len(found) > 1 else []
    return found + together


def _lifted(tenant: str, some: Sequence[Ranked]) -> Lifted:
    learned, default = sum(one.learned for one in some), sum(one.default for one in some)
    both = sum(one.both for one in some)
    return Lifted(
        tenant,
        leads=sum(one.n for one in some),
        conversions=sum(one.s for one in some),
        learned=learned,
        default=default,
        more=Interval.of(learned - default, math.sqrt(learned + default - 2 * both)),
    )


@dataclass(frozen=True, slots=True)
class Worth:
    """Outcomes per 1,000 touches, had claims been followed, beside what was done.

    estimate: `off-policy` (SNIPS, from logged probabilities) or `association` (stratified gain at the mix's rate).
    more: additional outcomes per 1,000 touches.
    """

    what: str
    estimate: str
    tenants: int
    touches: int
    done: float
    more: Interval


def worth(report: WalkReport) -> list[Worth]:
    """The value of having followed the claims: off-policy of HOW where it was logged, of each question otherwise.

    Values of several questions concern the same touches and cannot be added up.
    """
    return [*_off_policy(report), *_associated(claims(report))]


def _off_policy(report: WalkReport) -> Iterable[Worth]:
    logged = [(step.tenant, later.logged) for step, later in report.later if later.logged]
    sums = [one for _, one in logged]
    n, w, ww = sum(one.n for one in sums), sum(one.w for one in sums), sum(one.ww for one in sums)
    if not sums or ww <= 0.0 or w**2 / ww < LEAST_EFFECTIVE:
        return
    value, sd = snips(sums)
    done = sum(one.s for one in sums) / n
    spread = math.hypot(sd, math.sqrt(done * (1.0 - done) / n))  # their covariance is positive: this is too wide
    tenants = len({tenant for tenant, _ in logged})
    yield Worth("channels", "off-policy", tenants, n, 1000 * done, Interval.of(1000 * (value - done), 1000 * spread))


def snips(sums: Sequence[Logged]) -> tuple[float, float]:
    """Σ w·r / Σ w over all of these, and its standard error √Σ w²(r − value)² / Σ w, as r is 0 or 1."""
    w, wr = sum(one.w for one in sums), sum(one.wr for one in sums)
    ww, wwr = sum(one.ww for one in sums), sum(one.wwr for one in sums)
    value = wr / w
    return value, math.sqrt(max(0.0, wwr * (1.0 - 2.0 * value) + value**2 * ww)) / w


def _associated(found: Sequence[Claim]) -> Iterable[Worth]:
    questions: dict[str, list[Claim]] = defaultdict(list)
    for claim in found:
        if claim.learner != WHO and claim.s:
            questions[claim.name].append(claim)
    for name, some in sorted(questions.items(), key=lambda item: -sum(claim.n for claim in item[1])):
        touches = sum(claim.n for claim in some)
        gains = [(claim.n, _added(claim)) for claim in some]
        value = sum(n * gain for n, (gain, _) in gains) / touches
        sd = math.sqrt(sum((n * sd) ** 2 for n, (_, sd) in gains)) / touches
        done = sum(claim.s for claim in some) / touches
        tenants = len({claim.tenant for claim in some})
        yield Worth(name, "association", tenants, touches, 1000 * done, Interval.of(1000 * value, 1000 * sd))


def _added(claim: Claim) -> tuple[float, float]:
    """Outcomes per touch that the level brought over its mix, rate·(1 − rate)·x, and their standard error."""
    scale = claim.s / claim.n * (1.0 - claim.s / claim.n)
    return scale * claim.score.value, scale * (claim.score.high - claim.score.value) / Z90


def edges_in_words(place: int) -> str:
    """`2–5 %` for the second bin of EDGES."""
    return f"{100 * EDGES[place]:g}–{100 * EDGES[place + 1]:g} %"
