"""Does the world hold what was planted, and nothing else? Marginals, clean records, and the bytes of a seed."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from contracts.outcomes import CHANNELS, EXTRACTS, LEADS, STATUSES, Kind
from simulation.config import WorldConfig, demo_world
from simulation.truth import tenant_sizes
from simulation.world import World, default_score_edges, simulate

AS_OF = datetime(2025, 6, 1, 12, tzinfo=UTC)
SMALL = WorldConfig(tenants=5, leads=4_000, newcomers=1, newcomer_leads=60)

TYPES: dict[Kind, tuple[pl.DataType | type[pl.DataType], ...]] = {
    "uuid": (pl.Binary,),
    "text": (pl.String,),
    "int": (pl.Int64,),
    "float": (pl.Float64,),
    "bool": (pl.Boolean,),
    "time": (pl.Datetime("us", "UTC"),),
    "json": (pl.String,),
}


@pytest.fixture(scope="module")
def demo() -> World:
    return simulate(demo_world(), seed=7, as_of=AS_OF)


def frames(world: World) -> dict[str, pl.DataFrame]:
    return {"tenants": world.tenants, "leads": world.leads, "touches": world.touches}


def digest(world: World) -> str:
    sha = hashlib.sha256(repr(world.truth.document()).encode())
    for name, frame in frames(world).items():
        sha.update(name.encode())
        sha.update(frame.hash_rows(seed=1).to_numpy().tobytes())
    return sha.hexdigest()


def booked(world: World, older_than_days: int = 45) -> pl.DataFrame:
    """Leads old enough for their outcome to be known, with `y`."""
    ripe = world.leads.filter(pl.col("created_at") < world.as_of - timedelta(days=older_than_days))
    return ripe.with_columns(y=pl.col("converted_at").is_not_null())


@pytest.mark.parametrize("name", ["tenants", "leads", "touches"])
def test_frames_have_the_columns_of_the_contract(demo, name):
    frame = frames(demo)[name]
    assert {column.name for column in EXTRACTS[name].columns} <= set(frame.columns)
    for column in EXTRACTS[name].columns:
        assert frame[column.name].dtype in TYPES[column.kind], column.name
        if not column.nullable:
            assert frame[column.name].null_count() == 0, column.name
    for key in ("tenant_id", "lead_id", "touch_id"):
        if key in frame.columns:
            assert frame[key].bin.size().unique().to_list() == [16]


def test_the_demo_is_as_large_and_books_as_often_as_it_says(demo):
    assert demo.tenants.height == 12
    assert demo.leads.height == 60_000
    assert 380_000 <= demo.touches.height <= 440_000
    assert demo.leads["converted_at"].is_not_null().mean() == pytest.approx(0.05, abs=0.004)
    kinds = [tenant.kind for tenant in demo.truth.tenants]
    assert kinds.count("no_signal") == 1
    assert kinds.count("incumbent") == 1


def test_the_newcomer_has_too_few_outcomes_to_learn_from(demo):
    counts = booked(demo, 0).group_by("tenant_id").agg(pl.col("y").sum())
    bookings = {bytes(key): count for key, count in counts.iter_rows()}
    newcomer = demo.truth.tenants[-1]
    assert newcomer.newcomer
    assert bookings[newcomer.tenant_id.bytes] < 10
    assert sum(count >= 200 for count in bookings.values()) >= 4


def test_sizes_follow_zipf():
    sizes = tenant_sizes(replace(demo_world(), tenants=200, leads=1_000_000, newcomers=0))
    assert sizes.sum() == 1_000_000
    assert sizes[0] / sizes.sum() == pytest.approx(0.17, abs=0.002)
    assert sizes[0] / sizes[9] == pytest.approx(10, rel=0.01)


def test_every_tenant_books_at_its_own_rate(demo):
    counts = booked(demo).group_by("tenant_id").agg(pl.len().alias("n"), pl.col("y").sum().alias("s"))
    by_tenant = {bytes(key): (n, s) for key, n, s in counts.iter_rows()}
    for tenant in demo.truth.tenants[:-1]:
        n, s = by_tenant[tenant.tenant_id.bytes]
        error = np.sqrt(tenant.base_rate * (1 - tenant.base_rate) / n)
        assert abs(s / n - tenant.base_rate) < 4 * error, tenant.name


def test_records_are_consistent(demo):
    leads, touches = demo.leads, demo.touches
    assert leads["lead_id"].n_unique() == leads.height
    assert touches["touch_id"].n_unique() == touches.height
    assert set(leads["status"].unique()) <= set(STATUSES)
    assert set(touches["channel"].unique()) == set(CHANNELS)
    converted = leads.filter(pl.col("converted_at").is_not_null())
    assert (converted["converted_at"] > converted["created_at"]).all()
    assert (converted["converted_at"] <= converted["created_at"] + timedelta(days=30)).all()
    assert ((leads["status"] == "converted") == leads["converted_at"].is_not_null()).all()
    joined = touches.join(leads, on="lead_id", how="left", validate="m:1")
    assert (joined["tenant_id"] == joined["tenant_id_right"]).all()
    assert (joined["occurred_at"] > joined["created_at"]).all()
    assert (joined["scheduled_at"] <= joined["occurred_at"]).all()
    assert not joined["opted_out"].any() or joined.filter("opted_out")["converted_at"].is_null().all()
    number = pl.col("touch_number")
    numbers = touches.group_by("lead_id").agg(number.sort(), in_time=number.sort_by("occurred_at"))
    assert (numbers["touch_number"] == numbers["in_time"]).all()
    assert (numbers["touch_number"].list.last() == numbers["touch_number"].list.len()).all()


def test_the_marked_touch_is_the_last_before_the_booking(demo):
    touches = demo.touches.join(demo.leads.select("lead_id", "converted_at"), on="lead_id")
    before = touches.filter(pl.col("occurred_at") <= pl.col("converted_at"))
    last = before.sort("occurred_at").group_by("lead_id", maintain_order=True).last()["touch_id"]
    marked = touches.filter("led_to_booking")["touch_id"]
    assert marked.sort().equals(last.sort())
    assert marked.len() == demo.leads["converted_at"].is_not_null().sum()
    assert touches.filter(pl.col("occurred_at") > pl.col("converted_at")).is_empty()


@pytest.mark.parametrize("policy", ["habit", "logged"])
def test_nothing_happens_at_or_after_as_of(policy):
    world = simulate(replace(SMALL, policy=policy), seed=3, as_of=AS_OF)
    for frame in frames(world).values():
        for name, dtype in frame.schema.items():
            if dtype == pl.Datetime("us", "UTC"):
                latest = frame[name].max()
                assert latest is None or latest < AS_OF, name


def test_a_later_as_of_moves_the_history_and_changes_nothing_else():
    early, late = (simulate(SMALL, seed=3, as_of=AS_OF + timedelta(days=days)) for days in (0, 364))
    assert (late.leads["created_at"] - early.leads["created_at"] == timedelta(days=364)).all()
    assert late.leads["lead_id"].equals(early.leads["lead_id"])
    assert late.leads["authority"].equals(early.leads["authority"])


def test_a_seed_decides_every_byte():
    first, second, other = (simulate(SMALL, seed, AS_OF) for seed in (5, 5, 6))
    assert digest(first) == digest(second)
    assert digest(first) != digest(other)


def test_what_one_tenant_does_does_not_depend_on_how_many_there_are():
    flat = {"zipf": 0.0, "newcomers": 0, "no_signal_share": 0.0, "incumbent_share": 0.0, "base_rate_spread": 0.0}
    few = simulate(WorldConfig(tenants=2, leads=1_000, **flat), 1, AS_OF)
    many = simulate(WorldConfig(tenants=4, leads=2_000, **flat), 1, AS_OF)
    one = pl.col("tenant_id") == few.truth.tenants[0].tenant_id.bytes
    assert few.leads.filter(one).equals(many.leads.filter(one))
    assert few.touches.filter(one).equals(many.touches.filter(one))


def test_scores_and_deciles_are_those_of_the_default_weights(demo):
    leads = demo.leads
    expected = 100 * sum(
        weight * leads[name] for weight, name in zip((0.20, 0.25, 0.25, 0.15, 0.15), LEADS.names[6:11], strict=True)
    )
    np.testing.assert_allclose(leads["als_score"], expected)
    shares = np.bincount(demo.touches["score_stratum"], minlength=10) / demo.touches.height
    assert shares.min() > 0.08
    assert shares.max() < 0.12
    assert (np.diff(default_score_edges()) > 0).all()


def test_text_and_features_agree(demo):
    features = ("personalised", "has_question", "has_number", "cta", "subject_type", "channel")
    message = pl.Struct({"subject": pl.String, "body": pl.String, "cta": pl.String})
    sent = demo.touches.unique("content_snapshot").select(
        *features, pl.col("content_snapshot").str.json_decode(message).alias("message")
    )
    said = sent.select(
        *features,
        words=pl.concat_str(
            pl.col("message").struct["subject"].fill_null(""), pl.col("message").struct["body"], separator=" "
        ),
        says_cta=pl.col("message").struct["cta"],
    )
    assert said.height > 100
    assert (said["words"].str.contains("?", literal=True) == said["has_question"]).all()
    assert (said["words"].str.contains(r"\d") == said["has_number"]).all()
    assert not said["words"].str.contains("[{}]").any()
    assert (said["says_cta"] == said["cta"]).all()
    assert (said["subject_type"].is_null() == ~said["channel"].is_in(["email", "mail"])).all()


def test_missing_zones_and_replies_follow_their_knobs():
    config = WorldConfig(tenants=3, leads=6_000, missing_zone_share=0.3, early_outcome_share=1.0)
    world = simulate(config, 2, AS_OF)
    assert world.leads["time_zone"].null_count() / 6_000 == pytest.approx(0.3, abs=0.02)
    assert world.tenants["early_outcome"].to_list() == ["reply"] * 3
    replies = world.touches["outcome_at"].is_not_null().sum()
    assert replies > 2 * world.touches["led_to_booking"].sum()
    answered = world.touches.filter(pl.col("outcome_at").is_not_null())
    assert (answered["outcome_at"] >= answered["occurred_at"]).all()
    assert (answered["outcome_at"] - answered["occurred_at"] <= timedelta(days=7)).all()


def test_late_reports_leave_bookings_unknown():
    prompt, late = (
        simulate(replace(SMALL, reporting_delay_days=delay), 4, AS_OF).leads["converted_at"].is_not_null().sum()
        for delay in (0.01, 60.0)
    )
    assert late < 0.95 * prompt


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"newcomers": 5}, "at least one must be older"),
        ({"leads": 61}, "too few for one each"),
        ({"base_rate": 0.0}, "base rate"),
        ({"no_signal_share": 0.7, "incumbent_share": 0.7}, "more than 1"),
        ({"gap_days": 0.5}, "at most once a day"),
    ],
)
def test_impossible_worlds_are_refused(change, complaint):
    with pytest.raises(ValueError, match=complaint):
        replace(SMALL, **change)


def test_truth_is_ready_for_json(demo):
    document = json.loads(json.dumps(demo.truth.document(), allow_nan=False))
    first = document["tenants"][0]
    assert sum(first["weights"]) == pytest.approx(1)
    assert set(first["channels"]) == set(CHANNELS)
    assert first["peak_hour"] in range(7, 21)


def test_a_million_touches_fit_in_memory():
    script = (
        "import resource\n"
        "from datetime import datetime, UTC\n"
        "from simulation.config import WorldConfig\n"
        "from simulation.world import simulate\n"
        "world = simulate(WorldConfig(tenants=100, leads=150_000), 1, datetime(2025, 6, 1, tzinfo=UTC))\n"
        "print(world.touches.height, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    touches, mebibytes = map(int, done.stdout.split())
    assert touches > 1_000_000
    assert mebibytes < 1_800
