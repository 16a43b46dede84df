"""What HOW remembers: beside a loop over leads that cannot be wrong, however the leads are split."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms import exposures as frame_of
from algorithms import how_levels, tally
from algorithms.attribution import SHARE
from algorithms.evidence import EvidenceConfig, gather
from algorithms.exposures import BLOCKS
from algorithms.how_counts import SUMMARY, merge_summaries, summarise_exposures
from algorithms.how_levels import channel_counts, next_channel_counts, path_counts, reach_counts, tenants
from contracts.how import NO_CHANNEL
from contracts.learning import LearningContext
from contracts.outcomes import CHANNELS
from simulation.config import WorldConfig
from simulation.world import simulate
from tests.algorithms.how_frames import Story, exposures, extracts, of_frame

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)

touch = st.tuples(st.sampled_from(CHANNELS), st.booleans()).map(lambda pair: pair[0] + "!" * pair[1])
story = st.builds(
    Story,
    touches=st.lists(touch, min_size=1, max_size=20).map(" ".join),
    tenant=st.sampled_from([b"a" * 16, b"b" * 16]),
    open=st.booleans(),
    block=st.integers(300, 307),
    stratum=st.integers(-1, 9),
    policy=st.sampled_from(["", "epsilon"]),
    propensity=st.sampled_from([None, 0.25]),
)


def twin(rows: pl.DataFrame) -> Counter[tuple[Any, ...]]:
    """n and s of every row of the summary, counted lead by lead: (question, tenant, …keys…) → n, and (…, "s") → s."""
    found: Counter[tuple[Any, ...]] = Counter()

    def add(hit: int, *key: Any, times: int = 1) -> None:
        found[key] += times
        found[*key, "s"] += hit

    for (lead,), of_lead in rows.partition_by("lead", as_dict=True, maintain_order=True).items():
        assert lead is not None
        touches = list(of_lead.iter_rows(named=True))
        for row in touches:
            band = 0 if row["previous"] == NO_CHANNEL else 1 if row["step"] <= 3 else 2
            logged = row["propensity"] is not None
            key = (row["policy"], logged, row["block"], row["stratum"], band, row["previous"], row["channel"], None)
            add(row["outcome"], "touches", row["tenant_id"], *key)
        if not touches[-1]["closed"]:
            continue
        tenant, hit, path = touches[0]["tenant_id"], False, []
        for row in touches:
            path.append(row["channel"])
            hit = row["outcome"]
            if hit:
                break
        of_path = (None, None, None)
        for before, channel in zip([NO_CHANNEL, *path], path, strict=False):
            add(hit, "steps", tenant, *of_path, None, None, None, None, f"{before}>{channel}")
        for question, name in (
            ("first", path[0]),
            ("last", path[-1]),
            ("sets", "+".join(channel for channel in CHANNELS if channel in path)),
            ("sequences", ">".join(path[:3])),
        ):
            add(hit, question, tenant, *of_path, None, None, None, None, name)
        kind = "several" if len(set(path)) > 1 else "one"
        add(hit, "reach", tenant, *of_path, touches[0]["stratum"], min(len(path), 10), None, None, kind)
        if hit:
            for place, channel in enumerate(path):
                share = SHARE // len(path) + (SHARE % len(path) if place == len(path) - 1 else 0)
                add(share, "linear", tenant, *of_path, None, None, None, None, channel)
    return found


def as_counter(summary: pl.DataFrame) -> Counter[tuple[Any, ...]]:
    found: Counter[tuple[Any, ...]] = Counter()
    for question, tenant, _, *rest in summary.iter_rows():
        *key, n, s = rest
        found[question, tenant, *key] = n
        found[question, tenant, *key, "s"] = s
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(story, min_size=1, max_size=12))
def test_counts_are_those_of_a_loop_over_leads(stories: list[Story]) -> None:
    rows = exposures(stories)
    summary = summarise_exposures(of_frame(rows))
    assert +as_counter(summary) == +twin(rows)
    assert summary.schema == SUMMARY


def test_sorting_counts_what_bins_count(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    stories = [Story(" ".join(rng.choice(CHANNELS, rng.integers(1, 6))), block=300 + i % 8) for i in range(60)]
    dense = summarise_exposures(extracts(stories))
    monkeypatch.setattr(tally, "DENSE", 0)
    assert summarise_exposures(extracts(stories)).equals(dense)


@pytest.fixture(scope="module")
def real() -> pl.DataFrame:
    """Exposures as they come from a slice."""
    world = simulate(WorldConfig(tenants=4, leads=2_000, early_outcome_share=0.5), seed=11, as_of=AS_OF)
    frames = {name: getattr(world, name).lazy() for name in ("touches", "leads", "tenants")}
    return frame_of.make(frames, LearningContext(AS_OF, "test"))


@pytest.mark.parametrize("shards", [1, 3, 7])
def test_any_split_of_the_leads_gives_the_same_bytes(real: pl.DataFrame, shards: int) -> None:
    whole = summarise_exposures(of_frame(real))
    parts = [summarise_exposures(of_frame(real.filter(pl.col("lead") % shards == shard))) for shard in range(shards)]
    merged = merge_summaries(parts)
    assert merged.equals(whole)
    assert merge_summaries(parts[::-1]).equals(whole)
    assert [one.digest for one in tenants(merged)] == [one.digest for one in tenants(whole)]
    assert +as_counter(whole) == +twin(real)


def test_parts_without_a_common_tenant_need_only_be_put_in_order(real: pl.DataFrame) -> None:
    whole = summarise_exposures(of_frame(real))
    parts = [summarise_exposures(of_frame(rows)) for rows in real.partition_by("tenant_id")]
    assert len(parts) == 4
    assert merge_summaries(parts[::-1]).equals(whole)


def test_cells_are_few(real: pl.DataFrame) -> None:
    """On small tenants they are more: the demo's summary has 14 rows per 100 exposures."""
    summary = summarise_exposures(of_frame(real))
    assert summary.filter(pl.col("question") == "touches")["n"].sum() == len(real)
    assert (summary["n"] > 0).all()


def test_nothing_in_nothing_out() -> None:
    empty = summarise_exposures(extracts([]))
    assert empty.schema == SUMMARY
    assert merge_summaries([]).equals(empty)
    assert merge_summaries([empty, empty]).equals(empty)
    assert list(tenants(empty)) == []


def test_a_path_ends_with_its_first_outcome_and_an_open_one_does_not_count() -> None:
    stories = [Story("email sms! voice!"), Story("mail mail", open=True), Story("email email sms!")]
    (tenant,) = tenants(summarise_exposures(extracts(stories)))
    assert tenant.paths["sequences"] == {"email>sms": (1, 1), "email>email>sms": (1, 1)}
    assert tenant.paths["last"] == {"sms": (2, 2)}
    assert tenant.paths["linear"] == {"email": (3, SHARE * 7 // 6), "sms": (2, SHARE * 5 // 6)}
    assert tenant.cells.n.sum() == 8, "touches at risk count whether or not their path is known"
    paths = path_counts(tenant)
    assert paths.channels == ("email", "sms")
    assert paths.transitions.tolist() == [[1, 2, 0, 0], [0, 0, 2, 0], [2, 0, 0, 0]]
    single, multi = reach_counts(tenant)
    assert (single.tolist(), multi.tolist()) == ([[0, 0], [0, 0]], [[1, 1], [1, 1]])


def test_levels_strata_and_blocks_of_one_tenant() -> None:
    stories = [
        Story("email sms!", block=300, policy="old"),
        Story("email email email sms", block=302, policy="new"),
        Story("email", block=302, policy="new", stratum=-1),
    ]
    (tenant,) = tenants(summarise_exposures(extracts(stories)))
    channels, following = channel_counts(tenant.cells), next_channel_counts(tenant.cells)
    assert channels.keys == ("email", "sms")
    assert following.keys == ("email>email", "email>sms", "none>email", "none>sms")
    assert following.level_groups == (0, 0, 5, 5)
    assert channels.n.shape == (BLOCKS, 2 * 3 * 11 * 6, 2)
    assert channels.n.sum(axis=(1, 2)).tolist() == [0, 0, 0, 0, 0, 2, 0, 5]
    assert channels.s.sum(axis=(0, 1)).tolist() == [0, 1]
    assert following.n.sum(axis=(0, 1)).tolist() == [2, 2, 3, 0]
    occupied = channels.n.sum(axis=(0, 2)) > 0
    assert occupied.sum() == 6, "old: first, second; new: first (known and unknown score), second and third, later"
    assert channels.strata_groups is not None
    groups = [channels.strata_groups[place] for place in np.flatnonzero(occupied)]
    assert len(set(groups)) == 6, "only what differs in the channel before may be joined"


def test_many_policies_make_the_same_statistics_out_of_fewer_strata(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    stories = [
        Story("email sms" + "!" * bool(rng.random() < 0.4), policy=str(i % 4), block=300 + i % 8, stratum=i % 3)
        for i in range(400)
    ]
    (tenant,) = tenants(summarise_exposures(extracts(stories)))
    few = next_channel_counts(tenant.cells)
    monkeypatch.setattr(how_levels, "FEW_POLICIES", 9)
    all_possible = next_channel_counts(tenant.cells)
    assert few.n.shape[1] == 4 * 3 * 2
    assert all_possible.n.shape[1] == 4 * 3 * 11 * 6
    (one,), (other,) = (gather([counts], EvidenceConfig()) for counts in (few, all_possible))
    assert np.allclose(one.u, other.u)
    assert np.allclose(one.v, other.v)
    assert (one.strata, one.sample_size) == (other.strata, other.sample_size)


def test_consent_goes_with_the_tenant() -> None:
    (tenant,) = tenants(summarise_exposures(extracts([Story("email")], shares_priors=False)))
    assert not tenant.shares_priors
