"""What a backfill is made of: a chain of moments, its slices, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid5

from contracts.learning import Incumbent, Payload

NAMESPACE = UUID("5a1c8f0e-0f5e-4d53-9a56-3c2f6f0a7b11")


class SliceState(StrEnum):
    """What a plan says of one step of one learner."""

    TO_RUN = "to run"  # never done
    DONE = "done"  # nothing that it rests on has changed since
    STALE = "stale"  # done, and input or code has changed since, of this step or of one before it
    FAILED = "failed"  # an error ended it


@dataclass(frozen=True, slots=True)
class Chain:
    """What a backfill's history belongs to: the first moment and the days between two of them.

    Each tenant and learner has a chain of heads of its own along these moments, which begins at the defaults. Another
    end, other tenants or other learners continue the same chain; another beginning or step is another one.
    """

    began: datetime
    step_days: int

    @property
    def id(self) -> UUID:
        return uuid5(NAMESPACE, f"{self.began.isoformat()}/{self.step_days}")

    def moments(self, until: datetime) -> tuple[datetime, ...]:
        """Every moment of the chain up to `until`, the first included."""
        count = (until - self.began) // timedelta(days=self.step_days) + 1
        return tuple(self.began + timedelta(days=self.step_days * place) for place in range(max(0, count)))


@dataclass(frozen=True, slots=True)
class ChainHead:
    """What is in force in a chain for one tenant and learner. version: counted from 1 within the chain.

    confidence, judged_on: of the verdict that published it. replaced: payload that it took the place of, None for the
    defaults. as_of: the step that published it.
    """

    version: int
    payload: Payload
    inputs_sha256: str
    payload_sha256: str
    valid_until: datetime
    as_of: datetime
    confidence: float | None
    judged_on: Payload
    replaced: Payload | None

    @property
    def incumbent(self) -> Incumbent:
        """As a gate sees it."""
        return Incumbent(
            self.version, self.payload, self.inputs_sha256, self.payload_sha256, self.valid_until, self.as_of
        )


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the store knows of one step of one tenant and learner. seconds: what it took, None where it failed."""

    done: bool
    input_hash: str
    code_version: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class PlannedSlice:
    """One line of a plan: a step of one learner, for all tenants that were asked for.

    tenants: how many of `of` would run. seconds: expected, 0 where nothing would run.
    """

    as_of: datetime
    learner: str
    state: SliceState
    tenants: int
    of: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What would run, oldest first, and what need not.

    begins: learner → tenant → place of its first moment to run; the number of moments where all are done. hashes:
    learner → tenant → input hash of each moment.
    """

    chain: Chain
    moments: tuple[datetime, ...]
    tenants: Mapping[UUID, str]
    begins: Mapping[str, Mapping[UUID, int]]
    hashes: Mapping[str, Mapping[UUID, tuple[str, ...]]]
    slices: tuple[PlannedSlice, ...]

    def due(self, place: int) -> dict[str, frozenset[UUID]]:
        """Learner → tenants whose step at this place must run; learners with none are left out."""
        due = {
            name: frozenset(tenant for tenant, begin in begins.items() if begin <= place)
            for name, begins in self.begins.items()
        }
        return {name: tenants for name, tenants in due.items() if tenants}

    @property
    def first(self) -> int:
        """Place of the first moment at which anything runs; the number of moments where nothing does."""
        return min((begin for begins in self.begins.values() for begin in begins.values()), default=len(self.moments))

    def count(self, state: SliceState) -> int:
        return sum(one.state is state for one in self.slices)

    @property
    def seconds(self) -> float:
        return sum(one.seconds for one in self.slices)
