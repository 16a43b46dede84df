"""Which slices of a tenant group must be checked again, and which were checked before?

Slices that have settled are counted together, and so are those that still move, so that a week's run counts the newest
weeks and nothing else. Where a row of a settled part changes after all, its other slices are counted a few at a time,
and the next such change costs little.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path

import polars as pl

from algorithms.exposures import RESPONSE_DAYS
from algorithms.stability import stable_until
from contracts.canonical import content_hash
from contracts.errors import LakeError
from contracts.periods import has_settled
from store import lake
from store.increments import Part, label, slices_of
from store.lake import LakeFile, Manifest
from tasks.checking import rows
from tasks.checking.marks import ROW_ID
from tasks.checking.rows import Piece

FEW = 4
"""Slices that are counted together once a settled part has changed: sixteen weeks."""

SETTINGS = ("tenant_id", "horizon_days", "shares_priors", "early_outcome")
"""What checks and summaries read of a tenant."""


def checked(manifest: Manifest, group: int, tenants: pl.DataFrame, own: pl.DataFrame) -> list[Piece]:
    """Every row of a tenant group, checked now or by an earlier run. own: the tenants that belong to the group."""
    if manifest.increment is None:
        return [rows.check_rows(manifest, manifest, group, tenants)]
    if not manifest.increment.periods(group):
        return [rows.check_rows(manifest, _only(manifest, ()), group, tenants)]
    earlier = manifest.increment.parts_of(group)
    reused = [piece for part in earlier if (piece := _reused(manifest, part, tenants))]
    covered = {period for piece in reused if piece.part for period in piece.part.periods}
    left = [period for period in manifest.increment.periods(group) if period not in covered]
    horizon = max(own["horizon_days"].to_list(), default=0)
    settled = [p for p in left if has_settled(p, manifest.as_of, days=horizon + RESPONSE_DAYS)]
    moving = [period for period in left if period not in settled]
    return reused + [
        _checked(manifest, group, periods, tenants)
        for periods in (*_together(settled, FEW if earlier else len(settled)), moving)
        if periods
    ]


def _together(periods: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (periods[begin : begin + size] for begin in range(0, len(periods), max(1, size)))


def _reused(manifest: Manifest, part: Part, tenants: pl.DataFrame) -> Piece | None:
    """What an earlier run found of the same rows; None where they, the code, their tenants or the time have changed."""
    assert manifest.increment is not None
    same = (
        part.slices == slices_of(manifest.increment.raw_of(part.group, part.periods))
        and manifest.as_of < part.stable_until
        and part.checked_by == checks_version()
    )
    tally = _table(manifest.root, part.tally) if same else None
    listing = _table(manifest.root, part.listing) if same else None
    if tally is None or listing is None or part.tenants_sha256 != _settings(tally, tenants) or _seeks_leads(tally):
        return None
    try:
        lake.verify(manifest.root, part.files)
    except LakeError:
        return None
    return Piece(tally, part.files, part.dropped, listing, part)


def _seeks_leads(tally: pl.DataFrame) -> bool:
    """Some touch has no lead: whether another tenant has it depends on rows that are not in the part."""
    return bool(tally.select(pl.col("touch_without_lead", "touch_of_other_tenant").sum()).sum_horizontal().item())


def _table(root: str, path: str) -> pl.DataFrame | None:
    """A part's table; None where it is gone or damaged, so that it is made anew."""
    try:
        return lake.read_table(root, path)
    except (LakeError, pl.exceptions.PolarsError):
        return None


def _checked(manifest: Manifest, group: int, periods: Sequence[str], tenants: pl.DataFrame) -> Piece:
    """Check slices together, and leave behind what a later run may reuse."""
    assert manifest.increment is not None
    raw = manifest.increment.raw_of(group, periods)
    name = label(periods)
    piece = rows.check_rows(manifest, _only(manifest, raw), group, tenants, name)
    tally, listing = (lake.file_path(stage, group, str(manifest.run_id), name) for stage in ("tally", "listing"))
    lake.write_table(manifest.root, tally, piece.tally)
    lake.write_table(manifest.root, listing, piece.listing)
    part = Part(
        group=group,
        periods=tuple(periods),
        slices=slices_of(raw),
        checked_by=checks_version(),
        tenants_sha256=_settings(piece.tally, tenants),
        stable_until=_stable_until(manifest, raw, tenants),
        files=piece.files,
        tally=tally,
        listing=listing,
        dropped=piece.dropped,
    )
    return replace(piece, part=part)


def _stable_until(manifest: Manifest, raw: Sequence[LakeFile], tenants: pl.DataFrame) -> datetime:
    leads, touches = (
        lake.scan_files(manifest.root, extract, [file for file in raw if file.extract == extract])
        for extract in ("leads", "touches")
    )
    return stable_until(leads, touches, tenants.lazy(), manifest.as_of)


def _only(manifest: Manifest, files: Sequence[LakeFile]) -> Manifest:
    """The manifest as if these were all leads and touches that there are."""
    others = tuple(file for file in manifest.files if file.extract not in ROW_ID)
    return replace(manifest, files=others + tuple(files))


def _settings(tally: pl.DataFrame, tenants: pl.DataFrame) -> str:
    """Hash of what is set for the tenants of these rows; one that is not known has nothing."""
    wanted = [name for name in SETTINGS if name in tenants.columns]
    found = tally.select("tenant_id").join(tenants.select(wanted), on="tenant_id", how="left").sort("tenant_id")
    return content_hash([[str(value) for value in row] for row in found.iter_rows()])


@cache
def checks_version() -> str:
    """Hash of the source of the checks, and of what they are declared by (12 hex digits)."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for path in (
        *sorted(here.glob("*.py")),
        *(here.parents[1] / "contracts" / f"{n}.py" for n in ("defects", "outcomes")),
    ):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
