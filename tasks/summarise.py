"""Summarise: one pass over a tenant group's checked extracts → mergeable counts, one Parquet table a learner.

Where the run leaves slices behind, each part of the group is summarised by itself, or was by an earlier run, and the
parts are merged: summaries add up to equal bytes however leads were split.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE

from algorithms import registry
from contracts.learning import Derived, Learner, LearningContext
from contracts.outcomes import EXTRACTS
from contracts.runs import Slice
from store import lake
from store.increments import Part
from store.lake import Manifest
from tasks.check import Checked
from tasks.passing import whole
from tasks.run import Run
from tasks.slices import Made, recorded
from tasks.stages import stage

Frames = Mapping[str, pl.LazyFrame]


@dataclass(frozen=True, slots=True)
class Summaries:
    """Where each learner's summary of each tenant group lies: learner name → group → path below the lake's root."""

    root: str
    paths: Mapping[str, Mapping[int, str]]

    def read(self, learner_name: str, group: int) -> pl.DataFrame:
        """One summary, merged as its learner merges."""
        return registry.learner(learner_name).merge([_table(self.root, self.paths[learner_name][group])])

    def read_of(self, learner_name: str, group: int, tenants: frozenset[UUID]) -> pl.DataFrame:
        """The same of these tenants only."""
        table = _table(self.root, self.paths[learner_name][group])
        return registry.learner(learner_name).merge([_of_tenants(table.lazy(), tenants).collect()])


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """One tenant group's summaries: learner name → path. parts: what a later run need not summarise again."""

    paths: Mapping[str, str]
    parts: tuple[Part, ...] = ()


def summarise(run: Run, checked: Checked) -> Summaries:
    """Count what every learner needs, for every tenant that was asked for and passed its checks."""
    with stage(run, "summarise", "Summarising outcomes"):
        futures = {group: summarise_slice.submit(whole(run), whole(checked), group) for group in run.groups}
        made = {group: future.result() for group, future in futures.items()}
        leave_behind(checked.manifest, [part for summary in made.values() for part in summary.parts])
        paths = {name: {group: made[group].paths[name] for group in run.groups} for name in run.learner_names}
        return Summaries(checked.manifest.root, paths)


def leave_behind(manifest: Manifest, parts: Collection[Part]) -> Manifest:
    """The run's manifest with where its summaries lie, written so that a later run finds them."""
    if manifest.increment is None:
        return manifest
    told = replace(manifest, increment=manifest.increment.with_parts(parts))
    lake.write(told)
    return told


@task(name="summarise", task_run_name="summarise group {group}", cache_policy=NO_CACHE)
def summarise_slice(run: Run, checked: Checked, group: int) -> GroupSummary:
    """Every learner's summary of one tenant group."""
    if checked.manifest.increment is None:
        return GroupSummary(_summarised(run, checked, group))
    return _merged(run, checked, group)


def _summarised(run: Run, checked: Checked, group: int) -> dict[str, str]:
    """Every learner's summary from one pass over all of the group's rows."""
    context = LearningContext(as_of=run.as_of, code_version=run.code_version)
    extracts = {name: _of_tenants(checked.scan(name, group), checked.passed) for name in EXTRACTS}
    frames = _with_derived(run, extracts, context)
    paths = {}
    for learner in run.learners:
        files = [file.path for name in _read_by(learner) for file in checked.manifest.of(name, (group,))]
        make = partial(learner.summarise, _frames_of(learner, frames), context)
        paths[learner.name] = _recorded(run, checked.manifest, learner, group, files, make)
    return paths


def _merged(run: Run, checked: Checked, group: int) -> GroupSummary:
    """Every learner's summary out of those of the group's parts, each made now or by an earlier run."""
    assert checked.manifest.increment is not None
    parts = [part_summarised(run, checked.manifest, part) for part in checked.manifest.increment.parts_of(group)]
    tests = _tests(run, checked, group)
    paths = {}
    for learner in run.learners:
        sources = [part.summaries[learner.name] for part in parts]
        files = [*sources, *(file.path for file in checked.manifest.of("message_tests", (group,)))]

        make = partial(_added_up, learner, checked, sources, tests.get(learner.name, []))
        paths[learner.name] = _recorded(run, checked.manifest, learner, group, files, make)
    return GroupSummary(paths, tuple(parts))


def _added_up(
    learner: Learner, checked: Checked, sources: Sequence[str], tests: Sequence[pl.DataFrame]
) -> pl.DataFrame:
    """The summaries at these paths, of tenants that passed, and those of message tests, as one."""
    found = [_of_tenants(_table(checked.manifest.root, path).lazy(), checked.passed) for path in sources]
    return learner.merge([*tests, *pl.collect_all(found)])


def part_summarised(run: Run, manifest: Manifest, part: Part) -> Part:
    """The part with a summary for each of the run's learners, of all of its tenants; made where there is none yet."""
    kept = part.summaries if part.code_version == run.code_version else {}
    there = {name: path for name, path in kept.items() if lake.is_whole(manifest.root, path)}
    missing = [learner for learner in run.learners if learner.name not in there]
    if not missing:
        return part
    context = LearningContext(as_of=run.as_of, code_version=run.code_version)
    others = tuple(file for file in manifest.files if file.extract == "tenants")
    only = replace(manifest, files=others + part.files)
    extracts = {name: lake.scan(only, name, None if name == "tenants" else (part.group,)) for name in EXTRACTS}
    frames = _with_derived(run, extracts, context)
    made = {}
    for learner in missing:
        made[learner.name] = lake.file_path(f"parts/{learner.name}", part.group, str(run.id), part.label)
        lake.write_table(manifest.root, made[learner.name], learner.summarise(_frames_of(learner, frames), context))
    return replace(part, code_version=run.code_version, summaries={**there, **made})


def _tests(run: Run, checked: Checked, group: int) -> dict[str, list[pl.DataFrame]]:
    """Summaries of the group's message tests, which are few and read whole every time, by learner."""
    if not checked.manifest.of("message_tests", (group,)):
        return {}
    context = LearningContext(as_of=run.as_of, code_version=run.code_version)
    nothing = replace(checked.manifest, files=())
    extracts = {name: lake.scan(nothing, name) for name in EXTRACTS}
    for name in ("tenants", "message_tests"):
        extracts[name] = _of_tenants(checked.scan(name, group), checked.passed)
    frames = _with_derived(run, extracts, context)
    return {
        learner.name: [learner.summarise(_frames_of(learner, frames), context)]
        for learner in run.learners
        if "message_tests" in learner.reads
    }


def _with_derived(run: Run, extracts: Frames, context: LearningContext) -> dict[str, pl.LazyFrame]:
    """The extracts by name, and the derived frames that some learner of this run reads."""
    wanted = {name for learner in run.learners for name in learner.reads}
    return {**extracts, **{derived.name: derived.make(extracts, context).lazy() for derived in _derived(wanted)}}


def _derived(wanted: Collection[str]) -> Iterator[Derived]:
    return (derived for derived in registry.DERIVED if derived.name in wanted)


def _frames_of(learner: Learner, frames: Frames) -> dict[str, pl.LazyFrame]:
    return {name: frames[name] for name in (*learner.reads, "tenants")}


def _read_by(learner: Learner) -> Collection[str]:
    """Names of the extracts that a learner's summary depends on."""
    direct = {"tenants", *learner.reads}
    return EXTRACTS.keys() & (direct | {name for derived in _derived(learner.reads) for name in derived.reads})


def _recorded(
    run: Run,
    manifest: Manifest,
    learner: Learner,
    group: int,
    inputs: Collection[str],
    make: Callable[[], pl.DataFrame],
) -> str:
    """One learner's summary, written once and renamed into place. Returns its path in the lake."""
    piece = Slice(f"summaries/{learner.name}", group)
    path = lake.file_path(piece.stage, group, str(run.id))

    def work() -> Made:
        summary = make()
        lake.write_table(manifest.root, path, summary)
        return Made(path, summary.height)

    return recorded(run, piece, [*inputs, run.as_of.isoformat()], work).output


def _table(root: str, path: str) -> pl.DataFrame:
    table = lake.read_table(root, path)
    assert table is not None, f"{path} was written by this run, or found by it"
    return table


def _of_tenants(frame: pl.LazyFrame, tenants: frozenset[UUID]) -> pl.LazyFrame:
    wanted = pl.Series("tenant_id", sorted(tenant.bytes for tenant in tenants), dtype=pl.Binary)
    return frame.filter(pl.col("tenant_id").is_in(wanted.implode()))
