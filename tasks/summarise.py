"""Summarise: one pass over a tenant group's checked extracts → mergeable counts, one Parquet table a learner."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE

from algorithms import registry
from contracts.learning import Derived, Learner, LearningContext
from contracts.outcomes import EXTRACTS
from contracts.runs import Slice
from store import lake
from tasks.check import Checked
from tasks.passing import whole
from tasks.run import Run
from tasks.slices import Made, recorded
from tasks.stages import stage


@dataclass(frozen=True, slots=True)
class Summaries:
    """Where each learner's summary of each tenant group lies: learner name → group → path below the lake's root."""

    root: str
    paths: Mapping[str, Mapping[int, str]]

    def read(self, learner_name: str, group: int) -> pl.DataFrame:
        """One summary, merged as its learner merges."""
        return registry.learner(learner_name).merge([self._table(self.paths[learner_name][group])])

    def read_of(self, learner_name: str, group: int, tenants: frozenset[UUID]) -> pl.DataFrame:
        """The same of these tenants only."""
        table = self._table(self.paths[learner_name][group])
        return registry.learner(learner_name).merge([_of_tenants(table.lazy(), tenants).collect()])

    def _table(self, path: str) -> pl.DataFrame:
        table = lake.read_table(self.root, path)
        assert table is not None, f"{path} was written by this run"
        return table


def summarise(run: Run, checked: Checked) -> Summaries:
    """Count what every learner needs, for every tenant that was asked for and passed its checks."""
    with stage(run, "summarise", "Summarising outcomes"):
        futures = {group: summarise_slice.submit(whole(run), whole(checked), group) for group in run.groups}
        paths: dict[str, dict[int, str]] = {name: {} for name in run.learner_names}
        for group, future in futures.items():
            for name, path in future.result().items():
                paths[name][group] = path
        return Summaries(checked.manifest.root, paths)


@task(name="summarise", task_run_name="summarise group {group}", cache_policy=NO_CACHE)
def summarise_slice(run: Run, checked: Checked, group: int) -> dict[str, str]:
    """Every learner's summary of one tenant group, from one pass over its rows. Returns their paths in the lake."""
    context = LearningContext(as_of=run.as_of, code_version=run.code_version)
    frames = _frames(run, checked, group, context)
    return {learner.name: _summarise(run, checked, learner, group, frames, context) for learner in run.learners}


def _frames(run: Run, checked: Checked, group: int, context: LearningContext) -> dict[str, pl.LazyFrame]:
    """The extracts of the group by name, and the derived frames that some learner of this run reads."""
    frames = {name: _of_tenants(checked.scan(name, group), checked.passed) for name in EXTRACTS}
    wanted = {name for learner in run.learners for name in learner.reads}
    shared = {derived.name: derived.make(frames, context).lazy() for derived in _derived(wanted)}
    return frames | shared


def _derived(wanted: Collection[str]) -> Iterator[Derived]:
    return (derived for derived in registry.DERIVED if derived.name in wanted)


def _summarise(
    run: Run,
    checked: Checked,
    learner: Learner,
    group: int,
    frames: Mapping[str, pl.LazyFrame],
    context: LearningContext,
) -> str:
    """One learner's summary, written once and renamed into place. Returns its path in the lake."""
    piece = Slice(f"summaries/{learner.name}", group)
    path = lake.file_path(piece.stage, group, str(run.id))

    def work() -> Made:
        summary = learner.summarise({name: frames[name] for name in (*learner.reads, "tenants")}, context)
        lake.write_table(checked.manifest.root, path, summary)
        return Made(path, summary.height)

    extracts = {"tenants", *learner.reads} | {name for derived in _derived(learner.reads) for name in derived.reads}
    files = (file.path for name in extracts & EXTRACTS.keys() for file in checked.manifest.of(name, (group,)))
    return recorded(run, piece, [*files, run.as_of.isoformat()], work).output


def _of_tenants(frame: pl.LazyFrame, tenants: frozenset[UUID]) -> pl.LazyFrame:
    wanted = pl.Series("tenant_id", sorted(tenant.bytes for tenant in tenants), dtype=pl.Binary)
    return frame.filter(pl.col("tenant_id").is_in(wanted.implode()))
