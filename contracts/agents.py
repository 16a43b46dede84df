"""What asking Claude looks like from outside: the question, the answer, and what every attempt cost.

Agents receive what they need of the store as the two protocols below, each bound to one tenant: an agent can neither
read another tenant's questions nor write costs into another tenant's book.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, Literal, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel

from contracts.refusal import Refusal

Answer = TypeVar("Answer", bound=BaseModel)
Design = TypeVar("Design", bound=BaseModel)

MadeBy = Literal["claude", "rules"]
"""rules: the deterministic result from the patterns alone."""


class Strength(StrEnum):
    """Which of the three configured models answers."""

    QUICK = "quick"
    GENERAL = "general"
    HARD = "hard"


@dataclass(frozen=True, slots=True)
class Prompt:
    """One version of one prompt file. text: the static part, which Claude caches; sha256: of the whole file."""

    name: str
    version: int
    text: str
    sha256: str

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"


def accept(answer: BaseModel) -> Sequence[str]:
    """The check of a question whose contract is all that there is to check."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(Generic[Answer]):
    """One question. content: the part that changes. reply: the contract of the answer.

    check: what deterministic engines hold against a well-formed answer, in words; empty where they accept it.
    max_tokens: of thinking and answer together; at most 20,000 without streaming.
    """

    prompt: Prompt
    content: str
    reply: type[Answer]
    check: Callable[[Answer], Sequence[str]] = accept
    strength: Strength = Strength.GENERAL
    max_tokens: int = 16_000


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one attempt, as Claude counted them. input leaves out what was written to, or read from, the cache."""

    input: int = 0
    output: int = 0
    cache_write: int = 0
    cache_read: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cache_write + other.cache_write,
            self.cache_read + other.cache_read,
        )

    @property
    def prompt(self) -> int:
        """Everything that was read, from the cache or not."""
        return self.input + self.cache_write + self.cache_read


class CostUnknown(StrEnum):
    """Why an attempt has no price: never a zero that is none."""

    NO_PRICE = "no_price"  # the model is not in our list of prices
    NO_USAGE = "no_usage"  # no answer came, so nobody told us whether tokens were used


Cost = Decimal | CostUnknown
"""US dollars, exact."""


class Kind(StrEnum):
    """Why an attempt was made."""

    FIRST = "first"
    RETRY = "retry"  # the one before met a passing fault
    REPAIR = "repair"  # the one before was answered, and the answer could not be used


class Ending(StrEnum):
    """How an attempt ended. The first four were answered, and billed."""

    ACCEPTED = "accepted"
    INVALID = "invalid"  # the answer breaks its contract
    REJECTED = "rejected"  # the answer is well-formed, and an engine rejects it
    DECLINED = "declined"  # the model refused, or stopped before the end
    GARBLED = "garbled"  # something came that is no answer of the Messages API
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    TIMED_OUT = "timed_out"
    DISCONNECTED = "disconnected"
    FORBIDDEN = "forbidden"  # the key is wrong, not allowed, or out of credit
    BAD_REQUEST = "bad_request"  # asking again would change nothing
    EXPIRED = "expired"  # a batch ended before this item's turn
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request and what came of it; entered in the usage ledger whatever its end.

    call_id: attempts at one question share it. number: 1 for the first of them. seconds: from sending to the end.
    usage: None where no answer told it. batched: through the Message Batches API, at half the price.
    """

    call_id: UUID
    number: int
    kind: Kind
    ending: Ending
    prompt: str  # Prompt.label
    prompt_sha256: str
    model: str
    usage: Usage | None
    cost: Cost
    seconds: float
    batched: bool = False
    request_id: str | None = None


class UsageLedger(Protocol):
    """Where a tenant's attempts are entered."""

    def enter(self, attempt: Attempt) -> None:
        """Remember one attempt; the same call and number twice is an error."""
        ...


@dataclass(frozen=True, slots=True)
class Reply(Generic[Answer]):
    """An accepted answer, and the attempts that it took."""

    answer: Answer
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class Basis:
    """A pattern that a design rests on. version 0: none was in force, and `fallback` says why."""

    pattern: str
    version: int
    fallback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillResult(Generic[Design]):
    """What a skill hands back, whoever made it.

    without: what was done without, in words; empty where Claude answered. basis: patterns, with their versions.
    attempts: what was asked of Claude for it; empty where nothing was.
    """

    skill: str
    design: Design
    made_by: MadeBy
    basis: tuple[Basis, ...]
    without: str = ""
    prompt: str = ""
    attempts: tuple[Attempt, ...] = ()


# ── Batches ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class BatchState(StrEnum):
    INTENDED = "intended"  # written down; whether Claude has it is not known
    SUBMITTED = "submitted"  # Claude has it under `remote_id`
    ENDED = "ended"  # every item of it is settled


class ItemState(StrEnum):
    WAITING = "waiting"
    ANSWERED = "answered"
    AGAIN = "again"  # not answered, or not usably: asked again in the next round
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem:
    """One question of a batch. custom_id: ours, unique for ever. key: the caller's name for the question.

    request: exactly what is sent, so that a round can be repeated by a process that never saw the question.
    """

    custom_id: str
    key: str
    kind: Kind
    prompt: str
    prompt_sha256: str
    model: str
    request: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBatch:
    """A batch as the ledger knows it. round: 1 for the first of its job. claimed_at: when submission last began."""

    id: UUID
    job: str
    round: int
    state: BatchState
    intended_at: datetime
    claimed_at: datetime | None
    remote_id: str | None
    items: tuple[BatchItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of one item: its attempt, and the answer's text or the refusal."""

    custom_id: str
    state: ItemState
    attempt: Attempt
    text: str | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Collected:
    """Everything that a finished batch says, to be written in one transaction. next: the round that follows it."""

    batch: UUID
    remote_id: str
    settled: tuple[Settled, ...]
    next: tuple[BatchItem, ...] = field(default=())


class BatchLedger(Protocol):
    """A tenant's batches. Every change is one transaction, so that a process may be killed between any two."""

    def intend(self, job: str, items: Sequence[BatchItem]) -> StoredBatch:
        """Write the first round of a job down before anything is sent; a job that is known is returned as it is."""
        ...

    def open_batches(self) -> Sequence[StoredBatch]:
        """Batches that have not ended, oldest first."""
        ...

    def claim(self, batch: StoredBatch) -> datetime | None:
        """Take the right to submit a batch, and say when; None where another process took it since it was read."""
        ...

    def release(self, batch: UUID) -> None:
        """Give that right back: Claude has certainly not taken this batch."""
        ...

    def submitted(self, batch: UUID, remote_id: str) -> None:
        """Remember under which id Claude has a batch."""
        ...

    def known_remotely(self) -> frozenset[str]:
        """Ids at Claude that belong to batches of ours."""
        ...

    def collect(self, collected: Collected) -> bool:
        """Settle every item, enter the attempts, end the batch and write down the next round, all or nothing.

        False where the batch had ended already: then nothing is written.
        """
        ...

    def outcomes(self, job: str) -> Mapping[str, str | Refusal | None]:
        """By key: the accepted answer's text, the refusal, or None while the question waits."""
        ...
