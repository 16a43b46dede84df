"""What an operator may ask of a learning run. The UI builds its form from this model; the flow validates it again."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, field_validator

from algorithms.registry import LEARNERS

LearnerName = StrEnum("LearnerName", {learner.name.upper(): learner.name for learner in LEARNERS})  # type: ignore[misc]
"""The registered learners, as the choices of the form."""


class LearningRequest(BaseModel):
    """Learn what converts: for whom, as of when, and whether to publish."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenants: list[str] = Field(
        default_factory=list,
        title="Tenants",
        description="Names or ids. Empty: all tenants. A run of some tenants uses the population priors in force "
        "and never relearns them.",
    )
    as_of: datetime | None = Field(
        default=None,
        title="As of",
        description="Learn as if it were this moment (UTC unless a zone is given). Empty: now. "
        "Nothing later than it can change a result; a moment in the future is refused.",
    )
    dry_run: bool = Field(
        default=False, title="Dry run", description="Extract, check, learn and judge, but publish nothing."
    )
    full: bool = Field(
        default=False,
        title="Read everything",
        description="Read every row again, instead of what changed since the run before. The result is the same.",
    )
    learners: list[LearnerName] = Field(
        default_factory=lambda: list(LearnerName),
        min_length=1,
        title="Learners",
        description="Which questions to ask. Each learner's patterns are judged and published on their own.",
    )

    @field_validator("as_of")
    @classmethod
    def in_utc(cls, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
