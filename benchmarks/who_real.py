"""Does WHO help on leads that nobody simulated?

X Education and UCI bank, read by the recipes that users import them with, then through the learner's own path.
The last 30 % of a set are scored by weights learned from what came before. And as in weekly use over 40 blocks: after
each block the learner runs, the gate publishes or not, and what is in force scores the next block.

`--leads FILE --map RECIPE` measures any other set by the same code, tenant by tenant, the mean over tenants told.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.progress import track

from algorithms.auc import Lift, auc, lift
from algorithms.histories import History, histories, summarise_leads
from algorithms.who import WHO
from benchmarks.harness import Figure, benchmark
from benchmarks.who_path import CODE, decide, in_force, slsqp_weights
from contracts.errors import MappingError
from contracts.learning import Incumbent, LearningContext, PriorBook
from contracts.outcomes import DEFAULT_WEIGHTS
from tasks.importing import Frames, load_recipe, read_frames

Floats = NDArray[np.float64]

SHARED = Path(__file__).parents[2] / "shared" / "data"
X_EDUCATION = SHARED / "leads-x-education" / "Leads.csv"
BANK = SHARED / "uci-bank-marketing" / "bank-additional-full.csv.gz"

LAST = 0.30  # of a set, to be scored by what was learned before
BLOCKS = 40
QUICK_BLOCKS = 20  # twice as long, half as many
HARM = 0.02  # AUC below the defaults that counts as harm


@dataclass(frozen=True)
class LastThird:
    """Scores of the last 30 %, means over tenants."""

    default: float
    learned: float
    naive: float
    lift_default: float
    lift_learned: Lift


@dataclass(frozen=True)
class Rolling:
    """Next-block AUC, (blocks,) over all tenants, and how often something was published."""

    default: Floats
    gated: Floats
    naive: Floats
    publications: int

    @property
    def worse_share(self) -> float:
        return float(np.mean(self.gated < self.default - HARM))


def last_third(frames: Frames) -> LastThird:
    """Learn at 70 % of each tenant's leads, score the rest."""
    rows = []
    for extracts, history in _tenants(frames):
        cut = round((1.0 - LAST) * len(history.converted))
        as_of = _moment(history, cut - 1)
        decided = decide(WHO.summarise(extracts, LearningContext(as_of, CODE)), as_of, PriorBook(), {})
        components, converted = history.components[cut:].astype(float), history.converted[cut:]
        learned = components @ np.array(decided.weights(history.tenant_id))
        default = components @ np.array(DEFAULT_WEIGHTS)
        naive = components @ np.array(slsqp_weights(history.components[:cut].astype(float), history.converted[:cut]))
        rows.append(
            (
                auc(converted, default),
                auc(converted, learned),
                auc(converted, naive),
                lift(converted, default),
                lift(converted, learned),
            )
        )
    return LastThird(
        default=float(np.mean([row[0] for row in rows])),
        learned=float(np.mean([row[1] for row in rows])),
        naive=float(np.mean([row[2] for row in rows])),
        lift_default=float(np.mean([row[3].value for row in rows])),
        lift_learned=_mean_lift([row[4] for row in rows]),
    )


def rolling(frames: Frames, blocks: int, quiet: bool) -> Rolling:
    """Learn, judge and publish after every block; score the next block by what is then in force."""
    default, gated, naive, publications = [], [], [], 0
    for extracts, history in _tenants(frames):
        edges = np.linspace(0, len(history.converted), blocks + 1).astype(int)
        heads, priors = dict[UUID, Incumbent](), PriorBook()
        for low, high in track(list(pairwise(edges[1:])), "weekly use", disable=quiet):
            as_of = _moment(history, low - 1)
            decided = decide(WHO.summarise(extracts, LearningContext(as_of, CODE)), as_of, priors, heads)
            heads, priors = in_force(decided, heads), decided.priors
            publications += decided.published(history.tenant_id)
            components, converted = history.components[low:high].astype(float), history.converted[low:high]
            if not 0 < converted.sum() < len(converted):
                continue
            head = heads.get(history.tenant_id)
            weights = head.payload["weights"] if head and head.payload else DEFAULT_WEIGHTS
            peer = slsqp_weights(history.components[:low].astype(float), history.converted[:low])
            default.append(auc(converted, components @ np.array(DEFAULT_WEIGHTS)))
            gated.append(auc(converted, components @ np.array(weights)))
            naive.append(auc(converted, components @ np.array(peer)))
    return Rolling(np.array(default), np.array(gated), np.array(naive), publications)


def _tenants(frames: Frames) -> Iterator[tuple[dict[str, pl.LazyFrame], History]]:
    """Each tenant's extracts, and its whole history in order of time."""
    extracts = {"leads": frames.leads.lazy(), "tenants": frames.tenants.lazy()}
    end = pl.max_horizontal(pl.col("created_at", "converted_at").max()) + pl.duration(days=_longest_horizon(frames))
    as_of = frames.leads.select(end).item()
    for history in histories(summarise_leads(extracts, as_of, keep=len(frames.leads))):
        mine = pl.col("tenant_id") == history.tenant_id.bytes
        yield {name: frame.filter(mine) for name, frame in extracts.items()}, history


def _longest_horizon(frames: Frames) -> int:
    return max(int(days) for days in frames.tenants["horizon_days"])


def _moment(history: History, row: int) -> datetime:
    """When the outcome of that row, and of all before it, is known."""
    moment: datetime = pl.select(pl.lit(int(history.known[: row + 1].max())).cast(pl.Datetime("us", "UTC"))).item()
    return moment


def _mean_lift(lifts: Sequence[Lift]) -> Lift:
    return Lift(*(float(np.mean([getattr(one, part) for one in lifts])) for part in ("value", "low", "high")))


def _figures(name: str, key: str, third: LastThird, use: Rolling) -> list[Figure]:
    """What is told of any set; keys only for the promised ones."""
    told = third.lift_learned
    return [
        Figure(f"{key}_auc_default", third.default, f"{name}, last 30 %: AUC of default weights"),
        Figure(f"{key}_auc_learned", third.learned, f"{name}, last 30 %: AUC of learned weights",
               f"SLSQP {third.naive:.4f}", "≥ .785" if key == "x_education" else ""),
        Figure(f"{key}_lift20_learned", told.value, f"{name}, last 30 %: lift@20 of learned weights",
               f"90 % {told.low:.2f} to {told.high:.2f}, default {third.lift_default:.2f}"),
        Figure(f"{key}_worse_share", use.worse_share,
               f"{name}, weekly: share of {len(use.default)} blocks > {HARM} below the defaults",
               f"SLSQP {np.mean(use.naive < use.default - HARM):.3f}", "≤ 1 of 39" if key == "bank" else ""),
        Figure(f"{key}_mean_auc_default", float(use.default.mean()), f"{name}, weekly: mean AUC of default weights"),
        Figure(f"{key}_mean_auc_gated", float(use.gated.mean()), f"{name}, weekly: mean AUC of what is in force",
               f"SLSQP {use.naive.mean():.4f}", "above the defaults"),
        Figure(None, use.publications, f"{name}, weekly: versions published", "", "≥ 1" if key == "bank" else ""),
    ]  # fmt: skip


PROMISED = (
    "x_education_auc_default",
    "x_education_auc_learned",
    "x_education_lift20_learned",
    "bank_worse_share",
    "bank_mean_auc_default",
    "bank_mean_auc_gated",
)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--leads", type=Path, metavar="FILE", help="measure this file instead of the two public sets")
    parser.add_argument(
        "--map", metavar="RECIPE", help="recipe of that file: a TOML file, or the name of a built-in one"
    )


@benchmark("who_real", "Does WHO help on leads that nobody simulated?", _options)
def measure(arguments: argparse.Namespace) -> list[Figure]:
    sets = [("X Education", "x_education", X_EDUCATION, "x_education"), ("bank", "bank", BANK, "bank")]
    if arguments.leads:
        if arguments.map is None:
            raise MappingError("--leads was given without --map", do="Name the recipe that says what its columns mean")
        sets = [(arguments.leads.name, "leads", arguments.leads, arguments.map)]
    figures = []
    for name, key, path, recipe in sets:
        if not path.exists():
            figures.append(Figure(None, None, f"{name}: {path.name} is not in {path.parent.name}, nothing measured"))
            continue
        frames = read_frames(path, load_recipe(recipe))
        blocks = QUICK_BLOCKS if arguments.quick else BLOCKS
        figures += _figures(name, key, last_third(frames), rolling(frames, blocks, arguments.json))
    if arguments.leads:
        return figures
    return [f if f.key in PROMISED else Figure(None, f.value, f.meaning, f.peer, f.target) for f in figures]


if __name__ == "__main__":
    measure.main()
