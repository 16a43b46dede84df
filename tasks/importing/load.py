"""Put an import into the store, after all of it was read and found good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from sqlalchemy import Engine

from contracts.errors import MappingError
from store.loading import load_leads, load_message_tests, load_tenants
from store.tenants import all_tenants
from tasks.importing.files import Progress, no_progress
from tasks.importing.frames import Frames, read_frames
from tasks.importing.leads import tenant_uuid
from tasks.importing.message_tests import identified, read_message_tests
from tasks.importing.recipe import Recipe, TestsRecipe, load_any_recipe


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. changed: leads that were new or different from what the store held."""

    tenants: tuple[str, ...]
    leads: int
    conversions: int
    changed: int
    synthetic_time: bool


@dataclass(frozen=True, slots=True)
class ImportedTests:
    """What an import of message tests did. changed: variants that were new or different from what the store held."""

    tenants: tuple[str, ...]
    tests: int
    variants: int
    shown: int
    conversions: int
    changed: int


def import_file(
    engine: Engine, path: Path, recipe_name: str, *, tenant: str | None = None, progress: Progress = no_progress
) -> Imported | ImportedTests:
    """Import leads or message tests by a recipe's name or path. Importing a file again changes nothing.

    tenant: whose rows they are, where the recipe leaves it open. Raises MappingError, before anything was written,
    where recipe, file or a value in it is at fault.
    """
    recipe = load_any_recipe(recipe_name)
    if tenant is not None:
        recipe = recipe.of_tenant(tenant)
    recipe.require_tenant()
    if isinstance(recipe, TestsRecipe):
        return _import_tests(engine, path, recipe, progress)
    return _import_leads(engine, path, recipe, progress)


def _import_tests(engine: Engine, path: Path, recipe: TestsRecipe, progress: Progress) -> ImportedTests:
    """Tests belong to the tenants of these names, whoever made those; new names are added."""
    variants = read_message_tests(path, recipe, progress)
    progress("loading", 0.0)
    held = {one.name.lower(): one.id for one in all_tenants(engine)}
    named = {name: held.get(name.lower(), tenant_uuid(name)) for name in variants["tenant"].unique(maintain_order=True)}
    new = [name for name in named if name.lower() not in held]
    if new:
        load_tenants(engine, _tenants_of_tests(new, recipe))
    changed = load_message_tests(engine, identified(variants, named))
    progress("loading", 1.0)
    return ImportedTests(
        tenants=tuple(sorted(named)),
        tests=variants.select(pl.struct("tenant", "test").n_unique()).item(),
        variants=len(variants),
        shown=int(variants["shown"].sum()),
        conversions=int(variants["converted"].sum()),
        changed=changed,
    )


def _tenants_of_tests(names: Sequence[str], recipe: TestsRecipe) -> pl.DataFrame:
    return pl.DataFrame({"tenant_id": [tenant_uuid(name).bytes for name in names], "name": names}).with_columns(
        horizon_days=pl.lit(recipe.tenant.horizon_days, pl.Int64), shares_priors=pl.lit(recipe.tenant.shares_priors)
    )


def _import_leads(engine: Engine, path: Path, recipe: Recipe, progress: Progress) -> Imported:
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
