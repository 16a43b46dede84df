"""Extract: all tenants' rows at one instant, by parallel streams that share one snapshot.

A run that looks at the present begins from the run before where it can: it reads what changed since, puts that in its
place, and leaves its own slices behind for the next. One that looks back, or is told to, reads everything.
"""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from contracts.errors import LakeError
from store import extract as extraction
from store import lake
from store.changes import IDS
from store.extract import Plan
from store.lake import LakeFile, Manifest
from store.since import Begin, Beginning
from tasks import increments
from tasks.checking import suite, verdict
from tasks.passing import whole
from tasks.run import Run
from tasks.slices import record_extracted
from tasks.stages import EXTRACTING, counting, log, stage


def extract(run: Run) -> Manifest:
    """The run's manifest: which Parquet files hold what was known at `as_of`."""
    suite.load(suite.path_of(run.settings))  # one that cannot be read is told before minutes of extraction
    with stage(run, "extract", EXTRACTING):
        manifest = _extract(run, _begin(run))
        lake.write(manifest)
        record_extracted(run, manifest)
        return manifest


def _begin(run: Run) -> Begin | None:
    """What the run may begin from; None where it stands by itself."""
    if run.settings.extraction == "full" or run.as_of != run.now:
        return None
    if run.full:
        return Begin(run.as_of, None, "it was asked for")
    try:
        return Begin(run.as_of, increments.newest(lake.open(run.settings), run.as_of))
    except LakeError as error:
        return Begin(run.as_of, None, str(error))


def _extract(run: Run, begin: Begin | None) -> Manifest:
    try:
        manifest = _read(run, begin)
    except LakeError as error:
        if begin is None or begin.base is None:
            raise
        return _extract(run, Begin(run.as_of, None, str(error)))  # an earlier run's file is damaged
    if manifest is None:
        return _extract(run, Begin(run.as_of, None, "rows are gone from the source, or their ids changed"))
    return manifest


def _read(run: Run, begin: Begin | None) -> Manifest | None:
    """The run's manifest; None where an increment does not add up to what the source holds."""
    with extraction.planned(run.settings, run_id=run.id, as_of=run.as_of, now=run.now, begin=begin) as plan:
        for sentence in plan.noticed:
            log.warning("The source has drifted: %s", sentence)
        verdict.warm_up()  # the checks' library takes seconds to import, and extraction waits for the server
        futures = [extract_stream.submit(whole(run), whole(plan), stream) for stream in plan.streams]
        manifest = plan.manifest(tuple(file for future in futures for file in future.result()))
        if plan.beginning is None:
            return manifest
        return _arrange(manifest, plan.beginning)


def _arrange(manifest: Manifest, beginning: Beginning) -> Manifest | None:
    """The run's slices, and what it leaves behind for the next."""
    if beginning.because:
        log.info("Reading everything: %s", beginning.because)
    else:
        rows = sum(file.rows for file in manifest.files if file.extract in IDS)
        log.info("Beginning from the run before: %s leads and touches are new or changed", f"{rows:,}")
    if not beginning.leaves:
        return manifest
    futures = [arrange_group.submit(whole(manifest), whole(beginning), group) for group in range(manifest.groups)]
    raw = tuple(file for future in futures for file in future.result())
    return increments.arranged(manifest, beginning, raw)


@task(name="extract", task_run_name="extract stream {stream}", cache_policy=NO_CACHE)
def extract_stream(run: Run, plan: Plan, stream: int) -> tuple[LakeFile, ...]:
    """One stream's share of every extract, written by tenant group."""
    return extraction.extract_stream(run.settings, plan, stream, tell=counting(f" by stream {stream + 1}"))


@task(name="arrange", task_run_name="arrange group {group}", cache_policy=NO_CACHE)
def arrange_group(manifest: Manifest, beginning: Beginning, group: int) -> tuple[LakeFile, ...]:
    """One tenant group's slices: everything by period, or the earlier run's with what changed."""
    return increments.slices(manifest, beginning, group)
