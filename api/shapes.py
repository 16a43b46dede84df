"""What requests and answers look like, with examples: the OpenAPI description is made from these."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from contracts.pattern_types import PatternType

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
"""A tenant's name or id; PostgreSQL's texts hold no zero byte."""

EXAMPLE_TENANT = "2f1a7c0e-5b7d-4c5e-9a39-0c8d3f1e6b42"


class PatternEvidence(BaseModel):
    """How much a pattern rests on."""

    sample_size: int = Field(description="Resolved leads or touches", examples=[9240])
    outcomes: int = Field(description="The rarer of converted and not converted: the information count", examples=[412])
    randomised: bool = Field(description="Learned from choices made by lot; otherwise an association")


class Owner(BaseModel):
    """Whose pattern it is."""

    tenant_id: UUID = Field(examples=[EXAMPLE_TENANT])
    tenant: str = Field(examples=["Northwind Dental"])


class PatternHead(Owner):
    """A pattern that is in force, without its payload."""

    type: PatternType
    version: int = Field(ge=1, description="Versions are immutable; a rollback brings an earlier one back")
    confidence: float | None = Field(ge=0, le=1, description="Probability that what it claims holds in the next period")
    evidence: PatternEvidence
    valid_until: datetime = Field(description="After this moment engines fall back to the documented defaults")
    expired: bool = Field(description="Whether that moment has passed")
    learned_as_of: datetime = Field(description="Nothing later than this moment has entered it")
    computed_at: datetime = Field(description="When this version was written")
    in_force_since: datetime
    payload_sha256: str = Field(description="Of the canonical JSON of the payload", examples=["9f2c…"])


class Pattern(PatternHead):
    """A published pattern that is in force. An expired one is told as such: engines use the defaults instead of it."""

    payload: dict[str, Any] = Field(
        description="What engines act on; its form belongs to the type",
        examples=[{"schema": 1, "components": ["data_quality", "timing"], "weights": [0.4, 0.6]}],
    )


class Patterns(Owner):
    """Every pattern in force for a tenant."""

    patterns: list[Pattern]


class LearnOrder(BaseModel):
    """For whom to learn, as of when, and whether to publish. The flow checks it again."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"tenants": ["Northwind Dental"], "dry_run": True}]},
    )

    tenants: list[Name] = Field(
        default=[], max_length=1000, description="Names or ids. Empty: all tenants, which takes a token for all of them"
    )
    as_of: datetime | None = Field(
        default=None, description="Learn as if it were this moment (UTC unless a zone is given). Empty: now"
    )
    dry_run: bool = Field(default=False, description="Learn and judge, but publish nothing")
    full: bool = Field(default=False, description="Read every row again, not what changed since the run before")
    learners: list[PatternType] = Field(
        default=list(PatternType), min_length=1, max_length=len(PatternType), description="Which questions to ask"
    )

    @field_validator("as_of")
    @classmethod
    def in_utc(cls, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        try:
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        except OverflowError:
            raise ValueError("this moment lies outside the calendar") from None


class StartedRun(BaseModel):
    """A run that was started, and waits for a worker."""

    run_id: UUID = Field(description="Prefect's id of the flow run")
    name: str = Field(examples=["brisk-heron"])
    url: str = Field(description="Its page in Prefect's UI", examples=["http://127.0.0.1:4200/runs/flow-run/0195…"])
    new: bool = Field(description="False where an earlier request with the same Idempotency-Key had started it")


class Health(BaseModel):
    """The process runs, or is ready."""

    status: str = Field(examples=["ok"])
