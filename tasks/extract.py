"""Extract: all tenants' rows at one instant, by parallel streams that share one snapshot."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from store import extract as extraction
from store import lake
from store.extract import Plan
from store.lake import LakeFile, Manifest
from tasks.checking import suite, verdict
from tasks.passing import whole
from tasks.run import Run
from tasks.slices import record_extracted
from tasks.stages import EXTRACTING, counting, stage


def extract(run: Run) -> Manifest:
    """The run's manifest: which Parquet files hold what was known at `as_of`."""
    suite.load(suite.path_of(run.settings))  # one that cannot be read is told before minutes of extraction
    with (
        stage(run, "extract", EXTRACTING),
        extraction.planned(run.settings, run_id=run.id, as_of=run.as_of, now=run.now) as plan,
    ):
        verdict.warm_up()  # the checks' library takes seconds to import, and extraction waits for the server
        futures = [extract_stream.submit(whole(run), whole(plan), stream) for stream in plan.streams]
        manifest = plan.manifest(tuple(file for future in futures for file in future.result()))
        lake.write(manifest)
        record_extracted(run, manifest)
        return manifest


@task(name="extract", task_run_name="extract stream {stream}", cache_policy=NO_CACHE)
def extract_stream(run: Run, plan: Plan, stream: int) -> tuple[LakeFile, ...]:
    """One stream's share of every extract, written by tenant group."""
    return extraction.extract_stream(run.settings, plan, stream, tell=counting(f" by stream {stream + 1}"))
