"""What the extraction of an increment does between reading and checking, as plain functions: tasks call them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from store import changes, lake
from store.changes import IDS
from store.lake import LakeFile, Manifest
from store.since import Beginning


def newest(root: str, as_of: datetime) -> Manifest | None:
    """The newest run that left something to begin from, no later than `as_of`; None where there is none.

    Raises LakeError where its manifest is damaged.
    """
    return next((found for found in lake.runs(root) if found.increment and found.as_of <= as_of), None)


def slices(manifest: Manifest, beginning: Beginning, group: int) -> tuple[LakeFile, ...]:
    """One tenant group's raw files by period. manifest: what the streams read: everything, or what changed."""
    if beginning.was is None:
        return changes.arranged(manifest, group)
    return changes.applied(beginning.was.raw_of(group), manifest, group, beginning.gone)


def arranged(manifest: Manifest, beginning: Beginning, raw: tuple[LakeFile, ...]) -> Manifest | None:
    """The run's manifest over its slices; None where they do not add up to what the source counted.

    What the streams wrote is deleted: every row of it lies in a slice. A source in which touches of one tenant share an
    id leaves no slices behind: no increment, and no check of one slice, could tell them apart.
    """
    if not beginning.own and any(changes.repeats_an_id(manifest, group) for group in range(manifest.groups)):
        lake.remove(manifest.root, raw)
        return manifest if beginning.was is None else None
    if any(changes.counted(manifest.root, raw, name) != found for name, found in beginning.counted.items()):
        return None
    kept = tuple(file for file in manifest.files if file.extract not in IDS)
    lake.remove(manifest.root, (file for file in manifest.files if file.extract in IDS))
    return replace(manifest, files=kept + raw, increment=beginning.increment(raw))
