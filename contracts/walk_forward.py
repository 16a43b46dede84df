"""What a pattern in force said, and what came afterwards: the sums that a walk-forward report adds up.

Everything here is additive, so that weeks and tenants pool by adding: an estimate is Σu / Σv with variance 1 / Σv.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from contracts.learning import Payload

EDGES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 1.0)
"""Edges of the bins in which promised probabilities are held against what happened."""


@dataclass(frozen=True, slots=True)
class InForce:
    """A pattern that was in force between two steps. confidence, judged_on: of the verdict that published it.

    replaced: payload of the pattern that was in force before it, None where that was the defaults.
    """

    version: int
    payload: Payload
    confidence: float | None
    judged_on: Payload = field(default_factory=dict)
    replaced: Payload | None = None


@dataclass(frozen=True, slots=True)
class Met:
    """One claim in force, and the later outcomes that it met.

    name, key: the question and the level that is claimed to be better. said, said_sd: the gain as claimed, in log-odds
    over the mix (of WHO: difference of AUC to what was replaced). n, s: later touches (leads) that the question was
    about, and those with an outcome; used: how many of them were at the level. u, v: score and information about that
    gain.
    """

    name: str
    key: str
    confidence: float
    said: float
    said_sd: float
    n: int
    s: int
    used: int
    u: float
    v: float


@dataclass(frozen=True, slots=True)
class Promised:
    """Later leads to whom a probability in one of the bins of EDGES was promised. expected: sum of probabilities."""

    bin: int
    n: int
    expected: float
    happened: int


@dataclass(frozen=True, slots=True)
class Ranked:
    """Conversions among the `top` leads of a ranking of n later leads, s of whom converted.

    learned, default: conversions in the top by either ranking; both: in the top of both.
    """

    n: int
    s: int
    top: int
    learned: int
    default: int
    both: int


@dataclass(frozen=True, slots=True)
class Logged:
    """Later touches whose policy logged its probabilities, weighted toward what the pattern recommends.

    n, s: touches and outcomes. w, wr, ww, wwr: Σ w, Σ w·r, Σ w², Σ w²·r over them (r is 0 or 1), for SNIPS.
    """

    n: int
    s: int
    w: float
    wr: float
    ww: float
    wwr: float


@dataclass(frozen=True, slots=True)
class Later:
    """What one tenant's pattern of one type met between two steps. version: of the pattern that was in force."""

    version: int
    claims: tuple[Met, ...] = ()
    promised: tuple[Promised, ...] = ()
    ranked: Ranked | None = None
    logged: Logged | None = None

    def to_document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Later:
        """From what `to_document` gave."""
        ranked, logged = document["ranked"], document["logged"]
        return cls(
            version=document["version"],
            claims=tuple(Met(**one) for one in document["claims"]),
            promised=tuple(Promised(**one) for one in document["promised"]),
            ranked=Ranked(**ranked) if ranked else None,
            logged=Logged(**logged) if logged else None,
        )


@dataclass(frozen=True, slots=True)
class Walked:
    """One step of a backfill for one tenant and type: what was ruled then, and what its predecessor met until then.

    version: in force afterwards, 0 = defaults. explained: what a newly published pattern says. later: None where
    nothing was in force before this step, or nothing came.
    """

    tenant: str
    learner: str
    as_of: datetime
    ruling: str
    reason: str
    confidence: float | None
    version: int
    explained: str
    later: Later | None
