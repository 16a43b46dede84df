"""Who has too few outcomes is told so without a closer look, and is told what a closer look would say."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from algorithms.evidence import EvidenceConfig, gather, refusal_of
from algorithms.exposures import EXPOSURES
from algorithms.how import HOW
from algorithms.how_levels import channel_counts
from algorithms.how_levels import split_poor as split_how
from algorithms.how_levels import tenants as how_tenants
from algorithms.tenant_rows import bounds
from algorithms.what import WHAT
from algorithms.what_levels import level_statistics
from algorithms.what_levels import split_poor as split_what
from algorithms.what_levels import tenants as what_tenants
from algorithms.what_texts import TextPrior
from algorithms.when import WHEN
from algorithms.when_levels import split_poor as split_when
from algorithms.when_levels import tenants as when_tenants
from benchmarks.level_frames import AS_OF, what_extracts
from contracts.learning import LearningContext
from contracts.refusal import Refusal
from simulation.level_worlds import Conditions, what_worlds
from tests.algorithms.when_frames import drawn, extracts

CONTEXT = LearningContext(as_of=AS_OF, code_version="test")
LEAST = EvidenceConfig().min_outcomes
MOST_TEXTS = 12


def exposures(seed: int) -> pl.DataFrame:
    """Tenants of very different sizes; outcomes are rare enough that most have few."""
    rng = np.random.default_rng(seed)
    rows = drawn(3_000, seed).with_columns(outcome=pl.Series(rng.random(3_000) < 0.04))
    tenant = np.minimum(rng.geometric(0.12, rows.height), 30)
    ids = pl.Series("tenant_id", [bytes([number]) * 16 for number in tenant], dtype=EXPOSURES["tenant_id"])
    return rows.with_columns(ids).sort("tenant_id", "lead", "step", maintain_order=True)


@pytest.mark.parametrize("seed", range(3))
def test_when_refuses_the_poor_as_a_closer_look_does(seed: int) -> None:
    summary = WHEN.summarise(extracts(exposures(seed)), CONTEXT)
    rich, refused = split_when(summary, LEAST)
    looked_at = {one.tenant_id: one for one in when_tenants(summary)}
    assert refused.keys() | {one.tenant_id for one in when_tenants(rich)} == looked_at.keys()
    for tenant, refusal in refused.items():
        hours, gaps = looked_at[tenant].hours, looked_at[tenant].gaps
        assert hours is not None
        assert refusal_of(gather([hours], EvidenceConfig())[0]) == refusal
        assert gaps is None or isinstance(refusal_of(gather([gaps], EvidenceConfig())[0]), Refusal)
    assert 5 < len(refused) < len(looked_at)


@pytest.mark.parametrize("seed", range(3))
def test_how_refuses_the_poor_as_a_closer_look_does(seed: int) -> None:
    summary = HOW.summarise(extracts(exposures(seed)), CONTEXT)
    rich, refused = split_how(summary, LEAST)
    looked_at = {one.tenant_id: one for one in how_tenants(summary)}
    assert refused.keys() | {one.tenant_id for one in how_tenants(rich)} == looked_at.keys()
    for tenant, refusal in refused.items():
        assert refusal_of(gather([channel_counts(looked_at[tenant].cells)], EvidenceConfig())[0]) == refusal
    assert 5 < len(refused) < len(looked_at)


@pytest.mark.parametrize("seed", range(3))
def test_what_refuses_the_poor_as_a_closer_look_does(seed: int) -> None:
    frames = what_extracts(what_worlds(Conditions(worlds=30, size=200, base_rate=0.03), np.random.default_rng(seed)))
    summary = WHAT.summarise(frames, CONTEXT)
    rich, refused = split_what(summary, MOST_TEXTS, LEAST)
    looked_at = {one.tenant_id: one for one in what_tenants(summary, MOST_TEXTS)}
    assert refused.keys() | {one.tenant_id for one in what_tenants(rich, MOST_TEXTS)} == looked_at.keys()
    for tenant, refusal in refused.items():
        texts = looked_at[tenant].texts
        assert texts is not None
        _, features = level_statistics(texts, TextPrior(), EvidenceConfig())
        assert refusal_of(features[min(features)]) == refusal
    assert 0 < len(refused) < len(looked_at)


def test_rows_of_a_tenant_lie_together() -> None:
    rows = pl.DataFrame({"tenant_id": [b"a", b"a", b"b"]})
    assert bounds(rows) == {b"a": slice(0, 2), b"b": slice(2, 3)}
    assert bounds(rows.clear()) == {}
    with pytest.raises(ValueError, match="not ordered by tenant"):
        bounds(pl.DataFrame({"tenant_id": [b"a", b"b", b"a"]}))
