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
    QUARANTINED = "quarantined"  # the tenant's data failed its checks
    # a gate does not publish
    TOO_FEW_FOLDS = "too_few_folds"  # fewer than two time-forward folds hold both kinds of outcome
    NOT_BETTER = "not_better"  # confidence that it beats the incumbent is below the gate
    WORSE_LIFT = "worse_lift"  # it ranks better overall and worse among the top fifth
    UNCHANGED = "unchanged"  # same data, settings, code and priors as the head
    OLDER_THAN_HEAD = "older_than_head"  # the run's as-of lies before the head's; history does not move live heads
    ROLLED_BACK = "rolled_back"  # a version with the same inputs was taken back, and nothing new is known since
    HEAD_MOVED = "head_moved"  # somebody moved the head while the run was judging against another one
    DRY_RUN = "dry_run"  # it would have been published, and the run was asked not to
    # an engine falls back
    NO_PATTERN = "no_pattern"
    EXPIRED = "expired"
    INVALID_PATTERN = "invalid_pattern"


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
