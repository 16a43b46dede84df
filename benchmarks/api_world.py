"""Tenants with patterns as large as real ones, for reading them over HTTP."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Engine

from contracts.how import HowPattern, next_key
from contracts.how import Sequence as Path
from contracts.learning import Evidence, Finding, Ruling, Verdict
from contracts.levels import Comparison, Level, Recommendation
from contracts.outcomes import CHANNELS, DEFAULT_WEIGHTS
from contracts.pattern_types import PatternType
from contracts.what import WhatPattern, Word
from contracts.when import GAP_BINS, TouchYield, WhenPattern, hour_key
from contracts.who import DEFAULT_EDGES, WhoPattern
from store import book, tenants, tokens
from store.book import Publication
from store.tokens import TokenRole

SEED = 5
EVIDENCE = Evidence(sample_size=20_000, outcomes=900)
FEATURES = ("subject_type", "cta", "angle", "pain_point", "length_band", "personalised", "has_question", "has_number")
AS_OF = datetime(2026, 3, 1, tzinfo=UTC)


def publish(engine: Engine, count: int) -> dict[str, str]:
    """Make tenants, publish four patterns for each, and return a reader's token by the path of each pattern."""
    chance = random.Random(SEED)  # noqa: S311 - payloads, not secrets
    opened: dict[str, str] = {}
    for number in range(count):
        tenant = tenants.create(engine, f"Tenant {number}")
        payloads = {
            PatternType.WHO: _who(chance), PatternType.WHAT: _what(chance),
            PatternType.WHEN: _when(chance), PatternType.HOW: _how(chance),
        }  # fmt: skip
        published = [_publication(tenant.id, name, payload) for name, payload in payloads.items()]
        book.publish(engine, published, run_id=uuid4(), as_of=AS_OF, actor="benchmark")
        token, _ = tokens.create(
            engine, role=TokenRole.READER, tenant=tenant, lifetime=timedelta(days=1), purpose="", actor="benchmark"
        )
        opened |= {f"/patterns/{tenant.id}/{name}": token for name in payloads}
    return opened


def _publication(tenant: UUID, name: PatternType, payload: dict[str, Any]) -> Publication:
    finding = Finding(payload, EVIDENCE, inputs_sha256=f"{tenant}/{name}")
    valid_until = datetime.now(UTC) + timedelta(days=28)
    return Publication(tenant, name.value, finding, Verdict(Ruling.PUBLISH, confidence=0.93), valid_until, "benchmark")


def _who(chance: random.Random) -> dict[str, Any]:
    usual = tuple(chance.random() for _ in DEFAULT_WEIGHTS)
    return WhoPattern(DEFAULT_WEIGHTS, usual, DEFAULT_EDGES, intercept=-4.0, slope=5.0).to_payload()


def _what(chance: random.Random) -> dict[str, Any]:
    features = {name: _comparison(name, [f"level {n}" for n in range(6)], chance) for name in FEATURES}
    words = tuple(Word(f"word {n}", 900, chance.gauss(0, 0.3), chance.gauss(0, 1)) for n in range(40))
    return WhatPattern(features, templates=180, template_sd=0.2, words=words).to_payload()


def _when(chance: random.Random) -> dict[str, Any]:
    hours = _comparison("hours", [hour_key(hour) for hour in range(168)], chance)
    touches = tuple(TouchYield(n, 900, 30, 0.03, 0.02, 0.05) for n in range(1, 11))
    return WhenPattern(hours, _comparison("gaps", GAP_BINS, chance), touches).to_payload()


def _how(chance: random.Random) -> dict[str, Any]:
    following = [next_key(before, after) for before in CHANNELS for after in CHANNELS]
    paths = tuple(Path((CHANNELS[0], CHANNELS[1]), 300, 12, 0.04) for _ in range(20))
    return HowPattern(
        _comparison("channels", CHANNELS, chance), _comparison("next", following, chance), paths
    ).to_payload()


def _comparison(name: str, keys: Iterable[str], chance: random.Random) -> Comparison:
    levels = _levels(list(keys), chance)
    best = Recommendation(levels[0].key, gain=0.31, low=0.08, high=0.54, rate=0.061)
    return Comparison(name, EVIDENCE.sample_size, EVIDENCE.outcomes, 0.045, 0.93, True, False, best, levels)


def _levels(keys: Sequence[str], chance: random.Random) -> tuple[Level, ...]:
    share = 1 / len(keys)
    return tuple(
        Level(key, 120, 5, share, chance.gauss(0, 0.3), 0.2 + 0.1 * chance.random(), chance.random(), share)
        for key in keys
    )
