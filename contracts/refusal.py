"""\"Cannot say\" is a value with a reason in it, never a neutral number."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a learner, a gate or an engine did not say anything new. One code, one meaning, everywhere."""

    # a learner cannot say
    TOO_FEW_OUTCOMES = "too_few_outcomes"  # min(conversions, non-conversions) is below the learner's minimum
    NO_VARIATION = "no_variation"  # no component, or no level, differs between leads
    SYNTHETIC_TIME = "synthetic_time"  # times are ordinal stand-ins; nothing about hours or gaps can be learned
    NO_LOCAL_TIME = "no_local_time"  # no touch's lead has a known time zone
    NO_TEMPLATES = "no_templates"  # no two distinct texts that could be told apart
    NO_PROPENSITY = "no_propensity"  # the policy's probabilities were not logged
    TOO_FEW_EFFECTIVE = "too_few_effective"  # effective sample size of the weights is below the minimum
    QUARANTINED = "quarantined"  # the tenant's data failed its checks
    # a gate does not publish
    TOO_FEW_FOLDS = "too_few_folds"  # fewer than two time-forward folds hold both kinds of outcome
    NOT_BETTER = "not_better"  # confidence that it beats the incumbent is below the gate
    WORSE_LIFT = "worse_lift"  # it ranks better overall and worse among the top fifth
    CONTRADICTED = "contradicted"  # the newest block's own interval excludes the claimed sign
    CONFIRMED = "confirmed"  # the head already recommends this; its validity is extended instead
    UNCHANGED = "unchanged"  # same data, settings, code and priors as the head
    OLDER_THAN_HEAD = "older_than_head"  # the run's as-of lies before the head's; history does not move live heads
    ROLLED_BACK = "rolled_back"  # a version with the same inputs was taken back, and nothing new is known since
    HEAD_MOVED = "head_moved"  # somebody moved the head while the run was judging against another one
    DRY_RUN = "dry_run"  # it would have been published, and the run was asked not to
    # an engine falls back
    NO_PATTERN = "no_pattern"
    EXPIRED = "expired"
    INVALID_PATTERN = "invalid_pattern"
    NOT_CLAIMED = "not_claimed"  # there is a pattern, and it claims nothing about this question
    # an engine does not act
    PAUSED = "paused"  # the tenant asked for quiet
    OPTED_OUT = "opted_out"  # the person asked not to be contacted
    MAX_TOUCHES = "max_touches"  # the lead has had as many touches as its tenant allows
    NO_FEASIBLE = "no_feasible"  # limits leave no channel, or no hour
    # an agent does not answer
    NO_KEY = "no_key"  # no key for Claude is set
    UNAVAILABLE = "unavailable"  # Claude could not be reached, or the circuit breaker is open
    INVALID_REPLY = "invalid_reply"  # the reply broke its contract, and its repair did too
    DECLINED = "declined"  # the model refused to answer, or stopped early
    REJECTED = "rejected"  # the reply is well-formed, and a deterministic engine rejects it


@dataclass(frozen=True, slots=True)
class Refusal:
    """A learner's or a gate's "cannot say", with the number that decided.

    got, wanted: in the unit that the reason names (outcomes, folds, probability).
    """

    reason: Reason
    got: float
    wanted: float
    detail: str = ""  # one readable clause, where the reason alone does not tell which part failed

    def __str__(self) -> str:
        clause = f" ({self.detail})" if self.detail else ""
        return f"{self.reason}: got {self.got:g}, wanted {self.wanted:g}{clause}"
