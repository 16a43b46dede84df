"""One extraction as of the last moment, and from it what was known at every earlier one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import polars as pl

from algorithms import known
from contracts.outcomes import EXTRACTS
from store import extract as extraction
from store import lake, loading
from store.lake import LakeFile, Manifest
from store.partition import batches_of
from tasks.backfilling.opening import Backfill
from tasks.check import ENROLLED
from tasks.checking import groups, suite, verdict
from tasks.connections import store
from tasks.run import Run
from tasks.stages import EXTRACTING, counting, stage

FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
"""The `now` of the extraction: whatever is dated after the last moment stays out, whether it can be or not."""

CHANGING = ("leads", "touches", "message_tests")
"""Extracts of which less was known earlier; who is a tenant does not depend on the moment."""


def extract_history(backfill: Backfill) -> Manifest:
    """Everything that was known at the last moment."""
    run = backfill.run
    suite.load(suite.path_of(run.settings))  # one that cannot be read is told before minutes of extraction
    with stage(run, "extract", EXTRACTING):
        verdict.warm_up()
        manifest = extraction.extract(backfill.lake, run_id=run.id, as_of=run.as_of, now=FOREVER, tell=counting())
        if run.settings.source_url is not None and not run.dry_run:  # history belongs to tenants that the store knows
            loading.load_tenants(store(run.settings), groups.read_tenants(manifest).select(ENROLLED))
        return manifest


def fingerprints(backfill: Backfill, history: Manifest) -> dict[UUID, tuple[str, ...]]:
    """Per tenant a fingerprint of what was known of it at each moment."""
    with stage(backfill.run, "plan", "Comparing with what was done before"):
        found: dict[UUID, tuple[str, ...]] = {}
        for group in backfill.run.groups:
            found |= known.fingerprints(_frames(history, group), backfill.moments)
        return found


def as_known(history: Manifest, run: Run) -> Manifest:
    """The manifest of a step: files of its own, with the rows that were known at its moment as they were then."""
    manifest = replace(history, run_id=run.id, as_of=run.as_of, now=run.now, files=history.of("tenants"))
    for group in run.groups:
        frames = known.known_at(_frames(history, group), run.as_of)
        files = [_write(manifest, name, group, frames[name]) for name in CHANGING if history.of(name, (group,))]
        manifest = manifest.with_files(files)
    return manifest


def _frames(history: Manifest, group: int) -> dict[str, pl.LazyFrame]:
    return {name: lake.scan(history, name, (group,)) for name in EXTRACTS}


def _write(manifest: Manifest, extract: str, group: int, rows: pl.LazyFrame) -> LakeFile:
    frame = rows.select(EXTRACTS[extract].names).collect()
    return lake.rewrite(manifest, extract, group, "known", batches_of(frame, EXTRACTS[extract]))
