"""Does a pattern of levels go into force? The publish gate of WHAT, WHEN and HOW.

A comparison is claimed at a confidence of .70 or more, unless the newest block contradicts it. A pattern is published
when it claims something that the head does not, or another level than the head's and P(that one beats the head's in the
next period) is .70 or more. Otherwise the head stays, healthy while its own levels still beat the mix. All blocks serve
for learning and for this verdict, so its confidence is calibrated (docs/evidence.md), not held out.

A finding brings what its comparisons' payload does not hold under `diagnostics["comparisons"][name]`, as `described`
writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any
from uuid import UUID

from algorithms.evidence import Compared
from contracts.errors import InvalidPatternError
from contracts.learning import Finding, Incumbent, Payload, Ruling, Verdict
from contracts.levels import CLAIMED_AT, Comparison
from contracts.refusal import Reason, Refusal

Read = Callable[[Payload], Sequence[Comparison]]
"""A payload's comparisons; raises InvalidPatternError where it cannot be read."""

COMPARISONS = "comparisons"
"""Key of a finding's diagnostics under which those of its comparisons lie, by name."""

NO_HEAD = Incumbent(version=0, payload=None)


@dataclass(frozen=True)
class LevelGateConfig:
    replace: float = 0.70  # P(the new level beats the head's next period) from which it replaces it
    stands: float = 0.50  # P(real, and above the mix) below which a claim of the head has fallen
    strong_drift: float = 0.30  # expected log-odds from block to block, above which a pattern is valid for 10 days


class Standing(Enum):
    """What a comparison's evidence means for the head."""

    SILENT = auto()  # nothing is claimed, neither by it nor by the head
    NEW = auto()  # it claims what the head does not, or no longer may
    REPLACES = auto()  # it claims another level, which beats the head's
    CONFIRMS = auto()  # the head's level still stands
    WEAKENS = auto()  # the head's claim has fallen, and nothing takes its place


def described(results: Mapping[str, Compared | Refusal]) -> dict[str, Any]:
    """What a finding puts into its diagnostics: for each comparison its own, or why there is none."""
    return {
        COMPARISONS: {
            name: {"refused": str(result)} if isinstance(result, Refusal) else result.diagnostics()
            for name, result in results.items()
        }
    }


def judge_levels(
    findings: Mapping[UUID, Finding | Refusal],
    incumbents: Mapping[UUID, Incumbent],
    read: Read,
    config: LevelGateConfig = LevelGateConfig(),
) -> dict[UUID, Verdict]:
    """A verdict for every tenant; `read` turns a payload of this learner into its comparisons."""
    return {
        tenant: Verdict(Ruling.REFUSE, refusal=finding)
        if isinstance(finding, Refusal)
        else rule(finding, incumbents.get(tenant, NO_HEAD), read, config)
        for tenant, finding in findings.items()
    }


def rule(
    finding: Finding,
    incumbent: Incumbent,
    read: Read,
    config: LevelGateConfig = LevelGateConfig(),
) -> Verdict:
    """The verdict on one finding. The incumbent is healthy while none of its claims has fallen."""
    told: Mapping[str, Any] = finding.diagnostics.get(COMPARISONS, {})
    head = _claims_of(incumbent, read)
    found = {one.name: one for one in read(finding.payload)}
    trials = [
        _try(name, found.get(name), head.get(name), told.get(name, {}), config)
        for name in sorted(found.keys() | head.keys())
    ]
    refusal = _refusal(finding, incumbent, trials, config)
    return Verdict(
        Ruling.HOLD if refusal else Ruling.PUBLISH,
        confidence=max((one.confidence for one in trials if one.claimed), default=_largest(trials)),
        refusal=refusal,
        incumbent_healthy=bool(head) and not any(one.standing is Standing.WEAKENS for one in trials),
        drifting=any(one.omega > config.strong_drift for one in trials if one.claimed or one.head_key),
        judged_on={one.name: one.told() for one in trials},
    )


@dataclass(frozen=True, slots=True)
class _Trial:
    """One comparison held against the head's. head_key: the level that the head claims, "" where it claims none.

    head_p_better: P(real, and that level above the mix next period), as it looks now. beats_head: P(the recommended
    level beats it). contradicted: the newest block puts the level in question below the mix.
    """

    name: str
    standing: Standing
    key: str
    confidence: float
    claimed: bool
    contradicted: bool
    omega: float
    head_key: str
    head_p_better: float
    beats_head: float

    def told(self) -> dict[str, Any]:
        """The trial as people read it."""
        own = {"standing": self.standing.name.lower(), "key": self.key, "confidence": self.confidence}
        if not self.head_key:
            return own
        return own | {"in_force": self.head_key, "p_in_force": self.head_p_better, "p_beats": self.beats_head}


def _try(
    name: str, found: Comparison | None, head: Comparison | None, told: Mapping[str, Any], config: LevelGateConfig
) -> _Trial:
    head_key = head.recommendation.key if head else ""
    key = found.recommendation.key if found else ""
    level = found.level(head_key) if found else None
    in_question = head_key or key
    contradicted = in_question in told.get("below_mix", ())
    claimed = found is not None and found.claimed
    p_better = level.p_better if level else 0.0
    beats = float(told.get("p_top_beats", {}).get(head_key, 0.0))
    if not head:
        standing = Standing.NEW if claimed else Standing.SILENT
    elif contradicted or p_better < config.stands:
        standing = Standing.NEW if claimed else Standing.WEAKENS
    else:
        standing = Standing.REPLACES if claimed and key != head_key and beats >= config.replace else Standing.CONFIRMS
    return _Trial(
        name=name,
        standing=standing,
        key=key,
        confidence=found.confidence if found else 0.0,
        claimed=claimed,
        contradicted=contradicted,
        omega=float(told.get("omega", 0.0)),
        head_key=head_key,
        head_p_better=p_better,
        beats_head=beats,
    )


def _refusal(
    finding: Finding, incumbent: Incumbent, trials: Sequence[_Trial], config: LevelGateConfig
) -> Refusal | None:
    """Why the head stays; None where the finding goes into force."""
    if incumbent.inputs_sha256 == finding.inputs_sha256:
        return Refusal(Reason.UNCHANGED, 0, 1, f"new resolved touches since version {incumbent.version}")
    by_standing = {one.standing: one for one in trials}
    fallen = by_standing.get(Standing.WEAKENS)
    if by_standing.keys() & {Standing.NEW, Standing.REPLACES}:
        return None
    if fallen and any(one.claimed for one in trials):
        return None  # what still stands is published without the claim that has fallen
    if fallen:
        reason = Reason.CONTRADICTED if fallen.contradicted else Reason.NOT_BETTER
        return Refusal(reason, round(fallen.head_p_better, 4), config.stands, f"{fallen.name}: {fallen.head_key}")
    if stands := by_standing.get(Standing.CONFIRMS):
        return Refusal(
            Reason.CONFIRMED, round(stands.head_p_better, 4), config.stands, f"{stands.name}: {stands.head_key}"
        )
    best = max(trials, key=lambda one: one.confidence, default=None)
    if best is None:
        return Refusal(Reason.NOT_BETTER, 0, CLAIMED_AT, "no question could be answered")
    reason = Reason.CONTRADICTED if best.contradicted and best.confidence >= CLAIMED_AT else Reason.NOT_BETTER
    return Refusal(reason, round(best.confidence, 4), CLAIMED_AT, f"{best.name}: {best.key}")


def _largest(trials: Sequence[_Trial]) -> float:
    return max((one.confidence for one in trials), default=0.0)


def _claims_of(incumbent: Incumbent, read: Read) -> dict[str, Comparison]:
    """What the head claims, by comparison; nothing where there is no head, or engines cannot read it."""
    if incumbent.payload is None:
        return {}
    try:
        return {one.name: one for one in read(incumbent.payload) if one.claimed}
    except InvalidPatternError:
        return {}
