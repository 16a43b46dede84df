"""WHAT, as it is stored and read: which features of a message bring outcomes, judged between templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from contracts.canonical import rounded
from contracts.errors import InvalidPatternError
from contracts.levels import Comparison

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Word:
    """A word, ranked for display only: informative-Dirichlet log-odds of converting texts, and its z."""

    word: str
    n: int
    log_odds: float
    z: float


@dataclass(frozen=True, slots=True)
class WhatPattern:
    """Everything that WHAT learned.

    features: content feature (angle, cta, has_question, …) → comparison of its levels. templates: how many distinct
    texts it rests on; template_sd: log-odds by which templates of equal features differ. words: for display only.
    """

    features: Mapping[str, Comparison]
    templates: int
    template_sd: float
    words: tuple[Word, ...] = ()

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        return tuple(self.features.values())

    def to_payload(self) -> dict[str, Any]:
        """The pattern as JSON-ready values, floats as they will be hashed."""
        payload = rounded(
            {
                "schema": SCHEMA,
                "features": {name: one.to_payload() for name, one in self.features.items()},
                "templates": self.templates,
                "template_sd": self.template_sd,
                "words": [asdict(word) for word in self.words],
            }
        )
        assert isinstance(payload, dict)
        return payload

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> WhatPattern:
        """Read a stored payload; raises InvalidPatternError where it could not be acted on."""
        try:
            if payload["schema"] != SCHEMA:
                raise InvalidPatternError(f"schema is {payload['schema']!r}, and {SCHEMA} is understood")
            return cls(
                features={name: Comparison.from_payload(one) for name, one in payload["features"].items()},
                templates=int(payload["templates"]),
                template_sd=float(payload["template_sd"]),
                words=tuple(Word(**word) for word in payload["words"]),
            )
        except KeyError as missing:
            raise InvalidPatternError(f"{missing.args[0]} is missing") from None
        except (TypeError, AttributeError) as mistyped:
            raise InvalidPatternError(str(mistyped)) from None
