"""Is truth measured truly? Marks against slow twins, scores on answers made by hand, and the whole of it in small."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm, spearmanr

from benchmarks import truth_scores as scores
from benchmarks.harness import Figure, benchmark
from benchmarks.level_frames import FEATURE, how_extracts, what_extracts, when_extracts
from benchmarks.naive_levels import naive
from benchmarks.truth import answers
from benchmarks.truth_cells import Cell, grid
from benchmarks.truth_figures import figures
from benchmarks.truth_questions import NO_LEVEL, Answer, Question, marked, questions, spearman
from contracts.when import hour_key
from simulation.level_effects import Conditions
from simulation.level_worlds import HOUR, WEEKDAY, how_worlds, what_worlds, when_worlds

LEARNERS = ("what", "when", "how")


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def question(effects: Sequence[Sequence[float]], used: Sequence[Sequence[int]], groups: Sequence[int]) -> Question:
    table = np.array(used)
    return Question("levels", np.array(effects), table, table // 2, np.array(groups), np.ones(len(table), np.bool_))


def answer(gain: Sequence[Sequence[float]], confidence: float = 0.9) -> Answer:
    table = np.array(gain, np.float64)
    top = np.where(np.isnan(table).all(axis=1), NO_LEVEL, np.nan_to_num(table, nan=-np.inf).argmax(axis=1))
    return Answer(table, top, np.full(len(table), confidence), np.full(len(table), confidence >= 0.7))


@pytest.mark.parametrize(
    ("effects", "used", "gain", "right", "regret"),
    [
        ([0.0, 1.0], [50, 50], [0.0, 0.5], True, 0.0),
        ([0.0, 1.0], [50, 50], [0.5, 0.0], False, 1.0),
        ([0.0, 1.0, 0.9], [90, 5, 5], [0.0, 0.1, 0.2], True, 0.1),
        ([0.0, 1.0, 0.4], [10, 80, 10], [0.0, 0.1, 0.2], False, 0.6),  # good, but worse than the mix
        ([0.0, 1.0], [50, 50], [np.nan, np.nan], False, 0.5),  # no answer: the mix goes on
        ([0.0, 1.0], [50, 50], [0.1, np.nan], False, 1.0),
    ],
)  # fmt: skip
def test_an_answer_is_marked(
    effects: list[float], used: list[int], gain: list[float], right: bool, regret: float
) -> None:
    row = marked(question([effects], [used], [0] * len(used)), answer([gain])).row(0, named=True)
    assert row["right"] is right
    assert row["regret"] == pytest.approx(regret)


def test_levels_are_held_against_their_own_group() -> None:
    asked = question([[0.0, 1.0, 5.0, 7.0]], [[50, 50, 30, 10]], [0, 0, 1, 1])
    assert np.allclose(asked.against_mix(), [[-0.5, 0.5, -0.5, 1.5]])
    row = marked(asked, answer([[0.1, 0.3, 0.9, 0.5]])).row(0, named=True)
    assert row["right"] is False  # the level of the highest effect of all is below the mix of its alternatives
    assert row["regret"] == pytest.approx((0.0 + 2.0) / 2)


def test_nothing_is_right_in_a_flat_world() -> None:
    asked = question([[0.0, 1.0]], [[50, 50]], [0, 0])
    flat = Question(asked.name, asked.effects, asked.used, asked.converted, asked.groups, np.array([False]))
    assert not marked(flat, answer([[0.0, 0.5]]))["right"].any()


def test_rank_correlation_is_spearmans() -> None:
    one, other = rng(1).integers(0, 4, (20, 6)).astype(np.float64), rng(2).normal(size=(20, 6))
    wanted = [spearmanr(a, b).statistic for a, b in zip(one, other, strict=True)]
    assert np.allclose(spearman(one, other), wanted)
    assert spearman(np.zeros((1, 4)), other[:1, :4]) == 0.0


def test_the_naive_build_takes_the_best_rate_and_tests_it() -> None:
    asked = question([[0.0] * 3, [0.0] * 3], [[100, 100, 8], [5, 5, 5]], [0] * 3)
    asked = Question("levels", asked.effects, asked.used, np.array([[10, 20, 8], [1, 2, 3]]), asked.groups, asked.real)
    said = naive(asked)
    pooled = 38 / 208
    z = (20 / 100 - 18 / 108) / np.sqrt(pooled * (1 - pooled) * (1 / 100 + 1 / 108))
    assert list(said.top) == [1, NO_LEVEL]
    assert said.confidence[0] == pytest.approx(2 * norm.cdf(z) - 1)
    assert not said.claimed.any()
    assert np.isnan(said.gain[0, 2])  # 8 of 8, of too few


def test_channels_are_averaged_over_what_stood_before() -> None:
    world = how_worlds(Conditions(worlds=3, size=500, base_rate=0.05), rng(4))
    asked = questions(world)
    row = 0
    for index in range(3):
        mine = world.world == index
        effects = world.effects.following[index].reshape(5, 4)
        slow = np.mean([effects[before] for before in world.previous[mine]], axis=0)
        assert np.allclose(asked["channels"].effects[index], slow)
        assert asked["channels"].used[index].sum() == mine.sum()
        row += int(mine.sum())
    assert row == len(world.world)
    assert list(asked["next_channel"].groups[:5]) == [0, 0, 0, 0, 1]


def test_frames_hold_the_worlds() -> None:
    conditions = Conditions(worlds=3, size=400, base_rate=0.2)
    what, when, how = what_worlds(conditions, rng(5)), when_worlds(conditions, rng(6)), how_worlds(conditions, rng(7))
    said = what_extracts(what)
    sent = said["exposures"].with_columns(pl.col("template_id").cast(pl.String))
    exposures = sent.join(said["templates"], on=("tenant_id", "template_id"), validate="m:1").collect()
    arms = exposures.group_by("tenant_id", FEATURE).len().sort("tenant_id", FEATURE)
    assert arms["len"].to_list() == what.used().ravel().tolist()
    hours = when_extracts(when)["exposures"].collect()["hour_of_week"].to_list()
    assert hours == [24 * WEEKDAY[level] + HOUR[level] for level in when.level]
    assert {hour_key(hour) for hour in hours} <= {f"{day}-{hour:02d}" for day in DAYS for hour in range(7, 21)}
    paths = how_extracts(how)["exposures"].collect()
    assert paths.filter("closed").height == 3 * 400
    assert paths["outcome"].sum() == how.outcome.sum()
    again = paths.with_columns(shifted=pl.col("channel").cast(pl.String).shift().over("lead").fill_null("none"))
    assert (again["previous"].cast(pl.String) == again["shifted"]).all()


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def marks(rows: Sequence[tuple[bool, bool, bool, float]]) -> pl.DataFrame:
    """real, claimed, right, confidence."""
    return pl.DataFrame(rows, schema=["real", "claimed", "right", "confidence"], orient="row").with_columns(
        learner=pl.lit("what"), part=pl.lit("curve"), question=pl.lit("levels"), size=2_000, rate=0.3, confounding=1.0,
        drift=0.0, text_sd=0.0, method=pl.lit("ours"), regret=0.1, rank=0.5, published=pl.col("claimed"),
    )  # fmt: skip


def test_scores_of_answers_made_by_hand() -> None:
    made = marks(
        [(True, True, True, 0.9), (True, False, True, 0.6), (True, True, False, 0.8), (True, False, False, 0.1)]
        + [(False, True, False, 0.75)] + [(False, False, False, 0.05)] * 4
    )  # fmt: skip
    cell = scores.by_cell(made).row(0, named=True)
    assert cell["power"] == 0.25
    assert cell["null"] == pytest.approx(0.2)
    assert cell["wrong"] == pytest.approx(2 / 3)
    assert cell["said"] == pytest.approx((0.9 + 0.8 + 0.75) / 3)
    assert scores.published_share(made) == pytest.approx(0.2)
    assert scores.right_when_published(made) == pytest.approx(1 / 3)
    assert scores.right_minus_said(made) == pytest.approx(1 / 3 - (0.9 + 0.8 + 0.75) / 3)


def test_calibration_error_of_honest_and_of_boastful_answers() -> None:
    confidence = rng(8).random(40_000)
    right = rng(9).random(40_000) < confidence
    honest = pl.DataFrame({"confidence": confidence, "right": right})
    assert scores.ece(honest) < 0.015
    boastful = honest.with_columns(confidence=1 - (1 - pl.col("confidence")) ** 2)
    assert scores.ece(boastful) == pytest.approx(1 / 6, abs=0.02)  # ∫ (1 − (1 − c)²) − c
    silent = pl.DataFrame(
        {"confidence": [None], "right": [False]}, schema={"confidence": pl.Float64, "right": pl.Boolean}
    )
    assert np.isnan(scores.ece(silent))


@pytest.fixture(scope="module")
def small() -> pl.DataFrame:
    """30 worlds a cell at 2,000, confounded; planted ones, flat ones, and some from the prior."""
    cells = [cell for cell in grid(30, 120, (2_000,)) if kept(cell)]
    return answers(cells, processes=1)


def kept(cell: Cell) -> bool:
    conditions = cell.conditions
    if cell.part == "conversions":
        return conditions.base_rate == 0.10 and cell.odds_ratio == 3.0
    return conditions.confounding == 1.0 and cell.part in ("curve", "prior")


@pytest.mark.parametrize(("learner", "power", "regret"), [("what", 0.5, 0.1), ("when", 0.85, 0.12), ("how", 0.6, 0.1)])
def test_planted_levels_are_found_and_flat_worlds_are_silent(
    small: pl.DataFrame, learner: str, power: float, regret: float
) -> None:
    """Wide margins: 30 worlds leave ± .09 on a share."""
    curve = scores.main(small.filter(learner=learner, part="curve"))
    ours, theirs = curve.filter(method="ours"), curve.filter(method="naive")
    assert scores.power(ours) >= power
    assert scores.published_share(ours) <= 0.1
    assert scores.right_when_published(ours) >= 0.85
    assert scores.mean(ours.filter("real")["regret"]) <= regret
    assert scores.published_share(theirs) >= 0.5
    assert scores.right_when_published(theirs) < scores.right_when_published(ours)
    assert scores.ece(theirs) > scores.ece(ours)


def test_every_promised_figure_is_there(small: pl.DataFrame) -> None:
    found: dict[str | None, Any] = {figure.key: figure.value for figure in figures(small)}
    for learner in LEARNERS:
        for side in (found, found["naive"]):
            assert set(side[learner]) == {
                "null_published_share",
                "right_when_published",
                "power_2000_confounded",
                "ece",
            }
    assert found["how_rank_correlation_2000"] > found["naive"]["how_rank_correlation_2000"]
    assert found["when_regret_2000"] < found["naive"]["when_regret_2000"]
    assert found["above_070_at_200_odds_3_base_10"] >= 0.8


def test_the_grid_asks_what_was_promised() -> None:
    cells = grid(400, 1_600)
    for learner in LEARNERS:
        curve = {
            (cell.conditions.size, cell.conditions.confounding, cell.conditions.effects)
            for cell in cells if cell.learner == learner and cell.part == "curve"
        }  # fmt: skip
        assert len(curve) == 5 * 2 * 2
        assert all(cell.conditions.worlds >= 400 for cell in cells if cell.part != "prior")
        assert sum(cell.conditions.worlds for cell in cells if (cell.part, cell.learner) == ("prior", learner)) >= 1_600
        assert any(cell.conditions.drift == 0.4 for cell in cells if cell.learner == learner)
    assert all(sum(cell.batches()) == cell.conditions.worlds for cell in cells)


def test_batches_do_not_depend_on_who_works_them_off() -> None:
    cell = Cell("curve", "how", Conditions(4, 300, 0.05, 1.0, "planted"))
    one, again = (answers([cell], processes=1) for _ in range(2))
    assert one.equals(again)


def test_a_figure_may_be_several_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    @benchmark("nested", "Can a figure be an object?")
    def measure(_: object) -> list[Figure]:
        return [Figure("what", {"ece": 0.0123456789, "naive": {"ece": float("nan")}, "list": [1, 2.5]}, "several")]

    measure.main(["--json"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["what"] == {"ece": 0.012346, "naive": {"ece": None}, "list": [1, 2.5]}
