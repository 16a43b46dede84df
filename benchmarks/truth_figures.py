"""What is promised of WHAT, WHEN and HOW on planted truth, figure by figure, from the marks of single worlds."""

from __future__ import annotations

import polars as pl

from benchmarks.harness import Figure, Value
from benchmarks.truth_cells import CONVERSIONS, DRIFT, RARE
from benchmarks.truth_scores import (
    HALF_NULL,
    ece,
    main,
    mean,
    power,
    published_share,
    right_minus_said,
    right_when_published,
    worst_cell,
)

LEARNERS = ("what", "when", "how")
SMALL, LARGE = 2_000, 8_000
WANTED_POWER = {"what": 0.75, "when": 0.95, "how": 0.82}


def figures(marks: pl.DataFrame) -> list[Figure]:
    ours, naive = (marks.filter(method=method) for method in ("ours", "naive"))
    naive_summaries = {learner: summary(naive, learner) for learner in LEARNERS}
    return [
        *(figure for learner in LEARNERS for figure in _of_learner(learner, ours, naive_summaries[learner])),
        *_regrets(ours, naive),
        *_after_conversions(ours, naive),
        Figure("naive", {**naive_summaries, **extremes(naive)}, "the naive build, on the same worlds"),
    ]


def summary(marks: pl.DataFrame, learner: str) -> dict[str, Value]:
    """The figures that are promised of each learner; null worlds of up to 2,000 touches (or leads) without drift."""
    own = marks.filter(learner=learner)
    return {
        "null_published_share": published_share(own.filter(pl.col("part") == "curve", pl.col("size") <= SMALL)),
        "right_when_published": right_when_published(own.filter(pl.col("part").is_in(HALF_NULL))),
        "power_2000_confounded": power(main(hard(marks, learner))),
        "ece": ece(main(own.filter(part="prior"))),
    }


def extremes(marks: pl.DataFrame) -> dict[str, Value]:
    return {
        "when_regret_2000": mean(hard(marks, "when").filter("real")["regret"]),
        "how_rank_correlation_2000": mean(main(hard(marks, "how")).filter("real")["rank"]),
    }


def hard(marks: pl.DataFrame, learner: str) -> pl.DataFrame:
    """The cell that most is asked of: 2,000, strongly confounded."""
    return marks.filter(learner=learner, part="curve", size=SMALL, confounding=1.0)


def _of_learner(learner: str, ours: pl.DataFrame, naive: dict[str, Value]) -> list[Figure]:
    own = ours.filter(learner=learner)
    mixed = own.filter(pl.col("part").is_in(HALF_NULL))
    steady, name = mixed.filter(pl.col("drift") == 0.0), learner.upper()
    return [
        Figure(learner, summary(ours, learner), f"{name}: flat worlds, claims, power, calibration",
               "\n".join(f"naive {value:.4f}" for value in naive.values()),
               f"≤ .05\n≥ .90\n≥ {WANTED_POWER[learner]}\n≤ .06"),
        Figure(f"{learner}_null_worst_cell", worst_cell(steady.filter(pl.col("size") <= SMALL)),
               f"{name}: published in the worst flat cell to {SMALL:,}", "", "≤ .05"),
        Figure(f"{learner}_null_8000", published_share(steady.filter(size=LARGE)),
               f"{name}: published on flat worlds at {LARGE:,}", "", "≤ .10"),
        Figure(f"{learner}_null_drift", published_share(mixed.filter(drift=DRIFT)),
               f"{name}: published on flat worlds that drift by {DRIFT}", "", "≤ .10"),
        Figure(f"{learner}_right_minus_said", right_minus_said(mixed),
               f"{name}: right − said of claims, planted and flat", "", "≥ −.05"),
    ]  # fmt: skip


def _regrets(ours: pl.DataFrame, naive: pl.DataFrame) -> list[Figure]:
    found, theirs = extremes(ours), extremes(naive)
    rare, rare_naive = (_rare(marks) for marks in (ours, naive))
    following, following_naive = (
        hard(marks, "how").filter(pl.col("question") == "next_channel", pl.col("real")) for marks in (ours, naive)
    )
    return [
        Figure("when_regret_2000", found["when_regret_2000"],
               f"WHEN: log-odds short of the best hour, {SMALL:,} confounded",
               f"naive {theirs['when_regret_2000']:.3f}", "≤ .08"),
        Figure("when_regret_2000_rare", mean(rare["regret"]), f"the same at a base rate of {RARE}",
               f"naive {mean(rare_naive['regret']):.3f}", "printed"),
        Figure("when_power_2000_rare", power(rare), f"WHEN: power at a base rate of {RARE}",
               f"naive {power(rare_naive):.3f}", "printed"),
        Figure("how_rank_correlation_2000", found["how_rank_correlation_2000"],
               f"HOW: rank correlation of channels' gains with truth, {SMALL:,} confounded",
               f"last touch ÷ use {theirs['how_rank_correlation_2000']:.3f}", "≥ .85"),
        Figure("how_next_regret_2000", mean(following["regret"]), "HOW: log-odds short of the best next channel",
               f"rate of two-step paths {mean(following_naive['regret']):.3f}", "printed"),
    ]  # fmt: skip


def _rare(marks: pl.DataFrame) -> pl.DataFrame:
    return marks.filter(learner="when", part="rare", size=SMALL, confounding=1.0).filter("real")


def _after_conversions(ours: pl.DataFrame, naive: pl.DataFrame) -> list[Figure]:
    """Share of two-armed worlds that claim, and claim rightly, when 200 conversions are in."""
    found, theirs = (marks.filter(part="conversions") for marks in (ours, naive))
    rows = []
    for rate, ratio in sorted(set(found.select("rate", "odds_ratio").iter_rows())):
        here = {"rate": rate, "odds_ratio": ratio}
        rows.append(
            Figure(
                f"above_070_at_{CONVERSIONS}_odds_{ratio:g}_base_{100 * rate:g}",
                power(found.filter(**here)),
                f"WHAT: confidence ≥ .7 at {CONVERSIONS} conversions, two arms, odds ratio {ratio:g}, base {rate:g}",
                f"naive p < .05: {power(theirs.filter(**here)):.2f}",
                "≥ .80" if ratio == 3.0 else "printed",
            )
        )
    return rows
