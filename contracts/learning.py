"""What learners, gates and the pattern book hand each other. Every learner fits these shapes; none is named here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from contracts.canonical import content_hash
from contracts.refusal import Reason, Refusal

if TYPE_CHECKING:
    import polars as pl

    from contracts.walk_forward import InForce, Later

Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """How much a finding rests on.

    sample_size: resolved leads (or touches). outcomes: min(conversions, non-conversions), the information count.
    """

    sample_size: int
    outcomes: int
    randomised: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """An estimate with evidence, before any gate has seen it.

    payload: what engines would read; a change in it is a new version.
    diagnostics: what people read; never hashed, never acted on.
    inputs_sha256: hash of the summary, the settings, the code version and the prior version that made it.
    window_start: the oldest outcome that it was learned from, where outcomes have times.
    """

    payload: Payload
    evidence: Evidence
    inputs_sha256: str
    diagnostics: Payload = field(default_factory=dict)
    window_start: datetime | None = None


class Ruling(StrEnum):
    PUBLISH = "publish"  # a new version goes into force
    HOLD = "hold"  # the incumbent stays
    REFUSE = "refuse"  # there was nothing to judge


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate decided about a finding, and on what.

    confidence: probability in [0, 1] that the finding beats the incumbent in the next period; None where refused.
    incumbent_healthy: the head was judged good on the same outcomes, so its validity may be extended.
    drifting: strong drift, so the pattern is valid for 10 days instead of 28.
    """

    ruling: Ruling
    confidence: float | None = None
    refusal: Refusal | None = None  # set for HOLD and REFUSE
    incumbent_healthy: bool = False
    drifting: bool = False
    judged_on: Payload = field(default_factory=dict)  # folds, differences, intervals: the proof, for people

    @property
    def reason(self) -> Reason | None:
        return self.refusal.reason if self.refusal else None


@dataclass(frozen=True, slots=True)
class Incumbent:
    """The pattern that is in force for a tenant when a run begins; version 0 stands for the defaults."""

    version: int
    payload: Payload | None
    inputs_sha256: str | None = None
    payload_sha256: str | None = None
    valid_until: datetime | None = None
    as_of: datetime | None = None  # what the head was learned as of: an older run may not replace it
    withdrawn: Sequence[str] = ()  # inputs_sha256 of versions that were taken back: they do not return by themselves


@dataclass(frozen=True, slots=True)
class Prior:
    """A cross-tenant prior, learned from consenting tenants; its version is the hash of its content."""

    learner: str
    content: Payload
    learned_as_of: datetime

    @property
    def version(self) -> str:
        return content_hash({"learner": self.learner, "content": dict(self.content)})[:16]


@dataclass(frozen=True, slots=True)
class PriorBook:
    """The priors of one learner in order of time: the newest for learning, older ones for earlier folds."""

    priors: tuple[Prior, ...] = ()  # ascending learned_as_of

    def at(self, moment: datetime) -> Prior | None:
        """The newest prior learned at or before `moment`; None where there was none yet."""
        known = [prior for prior in self.priors if prior.learned_as_of <= moment]
        return known[-1] if known else None

    def before(self, moment: datetime) -> Prior | None:
        """The newest prior learned strictly before `moment`: what a fold that begins then may use."""
        known = [prior for prior in self.priors if prior.learned_as_of < moment]
        return known[-1] if known else None


@dataclass(frozen=True, slots=True)
class LearningContext:
    """What a learner may know besides its summary. No clock: `as_of` is given, and nothing later exists."""

    as_of: datetime
    code_version: str
    priors: PriorBook = field(default_factory=PriorBook)
    seed: int = 0


Judged = tuple["Finding | Refusal", Verdict]


@dataclass(frozen=True, slots=True)
class Derived:
    """A frame that several learners read, made once per slice: one pass over the rows serves them all.

    reads: names of the extracts that it is made from, besides `tenants`. make: those, as lazy frames by name → rows.
    """

    name: str
    reads: tuple[str, ...]
    make: Callable[[Mapping[str, pl.LazyFrame], LearningContext], pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Learner:
    """extract → summarise → merge → witness → pool → learn → judge, as pure functions.

    reads: names of the extracts and derived frames that `summarise` receives, besides `tenants`, which it always does.
    summarise: checked extracts of one slice, as lazy frames by name → a mergeable summary with a tenant_id column.
    merge: summaries of several slices → one summary; the result must not depend on how the rows were split.
    witness: a merged summary of some consenting tenants → what they tell of the population; None where there is no such
    thing. pool: what all of them told → a prior, or a refusal; the result must not depend on who told together.
    learn: a merged summary → per tenant a finding or a refusal, for all of its tenants at once.
    judge: summary, findings and incumbents → per tenant a verdict.
    explain: payload → what it says, in a few readable words (for tables and `patterns show`).
    follow: patterns in force at a moment, the merged summaries of then and of later, and that moment → per tenant what
    the patterns met in between; None where nothing can be said.
    """

    name: str
    question: str
    reads: tuple[str, ...]
    summarise: Callable[[Mapping[str, pl.LazyFrame], LearningContext], pl.DataFrame]
    merge: Callable[[Sequence[pl.DataFrame]], pl.DataFrame]
    witness: Callable[[pl.DataFrame, LearningContext], Any] | None
    pool: Callable[[Sequence[Any], LearningContext], Prior | Refusal] | None
    learn: Callable[[pl.DataFrame, LearningContext], Mapping[UUID, Finding | Refusal]]
    judge: Callable[
        [pl.DataFrame, Mapping[UUID, Finding | Refusal], Mapping[UUID, Incumbent], LearningContext],
        Mapping[UUID, Verdict],
    ]
    explain: Callable[[Payload], str]
    follow: Callable[[Mapping[UUID, InForce], pl.DataFrame, pl.DataFrame, datetime], Mapping[UUID, Later]] | None = None

    def population(self, summary: pl.DataFrame, context: LearningContext) -> Prior | Refusal:
        """The prior that all tenants of one merged summary teach."""
        assert self.witness is not None
        assert self.pool is not None
        return self.pool([self.witness(summary, context)], context)
