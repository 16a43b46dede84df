"""Summarise: checked extracts of one tenant group → each learner's mergeable counts, as one Parquet table a slice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE

from algorithms import registry
from contracts.learning import LearningContext
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

    def read_all(self, learner_name: str, tenants: frozenset[UUID]) -> pl.DataFrame:
        """The summaries of all groups, of these tenants only, merged into one."""
        frames = [
            _of_tenants(self._table(path).lazy(), tenants).collect() for path in self.paths[learner_name].values()
        ]
        return registry.learner(learner_name).merge(frames)

    def _table(self, path: str) -> pl.DataFrame:
        table = lake.read_table(self.root, path)
        assert table is not None, f"{path} was written by this run"
        return table


def summarise(run: Run, checked: Checked) -> Summaries:
    """Count what every learner needs, for every tenant that was asked for and passed its checks."""
    with stage(run, "summarise", "Summarising outcomes"):
        futures = {
            (name, group): summarise_slice.submit(whole(run), whole(checked), name, group)
            for name in run.learner_names
            for group in run.groups
        }
        paths: dict[str, dict[int, str]] = {name: {} for name in run.learner_names}
        for (name, group), future in futures.items():
            paths[name][group] = future.result()
        return Summaries(checked.manifest.root, paths)


@task(name="summarise", task_run_name="summarise {learner_name} group {group}", cache_policy=NO_CACHE)
def summarise_slice(run: Run, checked: Checked, learner_name: str, group: int) -> str:
    """One learner's summary of one tenant group; written once, renamed into place. Returns its path in the lake."""
    learner = registry.learner(learner_name)
    extracts = (*learner.reads, "tenants")
    piece = Slice(f"summaries/{learner_name}", group)
    path = lake.file_path(piece.stage, group, str(run.id))

    def work() -> Made:
        frames = {name: _of_tenants(checked.scan(name, group), checked.passed) for name in extracts}
        summary = learner.summarise(frames, LearningContext(as_of=run.as_of, code_version=run.code_version))
        lake.write_table(checked.manifest.root, path, summary)
        return Made(path, summary.height)

    inputs = [file.path for name in extracts for file in checked.manifest.of(name, (group,))]
    return recorded(run, piece, [*inputs, run.as_of.isoformat()], work).output


def _of_tenants(frame: pl.LazyFrame, tenants: frozenset[UUID]) -> pl.LazyFrame:
    wanted = pl.Series("tenant_id", sorted(tenant.bytes for tenant in tenants), dtype=pl.Binary)
    return frame.filter(pl.col("tenant_id").is_in(wanted.implode()))
