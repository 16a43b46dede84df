"""Behind `learnback import`: read the whole file first, then write it, all or nothing."""

from __future__ import annotations

from pathlib import Path

import settings as settings_module
from cli.terminal import console, print_json, progress
from store import database, loading, migrate
from tasks.importing import frames, recipe


def import_file(file: Path, map_: str, *, tenant: str | None, as_json: bool) -> None:
    """Bring a file in as its recipe says, and tell what came of it."""
    loaded = settings_module.load()
    with progress("Reading the recipe …") as log:
        mapping = recipe.load_recipe(map_)
        mapping = mapping.of_tenant(tenant) if tenant else mapping
        read = frames.read_frames(
            file, mapping, lambda stage, share: log.info("%s: %s, %.0f %% …", file.name, stage, 100 * share)
        )
        log.info("Writing %s leads …", f"{read.leads.height:,}")
        migrate.upgrade(loaded)
        engine = database.open_store(loaded)
        loading.load_tenants(engine, read.tenants)
        changed = loading.load_leads(engine, read.leads)
    told = {
        "tenants": read.tenants["name"].to_list(),
        "leads": read.leads.height,
        "converted": read.conversions,
        "changed": changed,
    }
    if as_json:
        print_json(told)
        return
    share = read.conversions / max(read.leads.height, 1)
    console.print(
        f"{read.leads.height:,} leads of {', '.join(read.tenants['name'])}: {read.conversions:,} converted "
        f"({share:.1%}). {changed:,} were new or changed.",
        highlight=False,
    )
    console.print("Next: learnback learn", highlight=False)
