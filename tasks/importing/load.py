"""Put an import into the store, after all of it was read and found good."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl
from sqlalchemy import Engine

from contracts.errors import MappingError
from store.loading import load_leads, load_tenants
from store.tenants import all_tenants
from tasks.importing.files import Progress, no_progress
from tasks.importing.frames import Frames, read_frames
from tasks.importing.recipe import load_recipe


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. changed: leads that were new or different from what the store held."""

    tenants: tuple[str, ...]
    leads: int
    conversions: int
    changed: int
    synthetic_time: bool


def import_file(
    engine: Engine, path: Path, recipe_name: str, *, tenant: str | None = None, progress: Progress = no_progress
) -> Imported:
    """Import a file by a recipe's name or path. Importing it again changes nothing.

    tenant: whose leads they are, where the recipe leaves it open. Raises MappingError, before anything was written,
    where recipe, file or a value in it is at fault.
    """
    recipe = load_recipe(recipe_name)
    if tenant is not None:
        recipe = recipe.of_tenant(tenant)
    frames = read_frames(path, recipe, progress)
    new = _new_tenants(engine, frames)
    progress("loading", 0.0)
    if not new.is_empty():
        load_tenants(engine, new)
    changed = load_leads(engine, frames.leads)
    progress("loading", 1.0)
    return Imported(
        tuple(frames.tenants["name"]), len(frames.leads), frames.conversions, changed, recipe.synthetic_time
    )


def _new_tenants(engine: Engine, frames: Frames) -> pl.DataFrame:
    """Those that the store does not hold; the others keep what they have chosen since."""
    held = {tenant.name.lower(): tenant.id.bytes for tenant in all_tenants(engine)}
    for tenant_id, name in frames.tenants.select("tenant_id", "name").iter_rows():
        if held.get(name.lower(), tenant_id) != tenant_id:
            raise MappingError(
                f"the store holds a tenant '{name}' already that no import made",
                do="Give the tenant another name in the recipe",
            )
    return frames.tenants.filter(~pl.col("tenant_id").is_in(list(held.values())))
