"""Behind `learnback import`: read the whole file first, then write it, all or nothing."""

from __future__ import annotations

from pathlib import Path

import settings as settings_module
from cli.opening import open_store
from cli.terminal import console, print_json, progress
from tasks.importing import load
from tasks.importing.load import Imported, ImportedTests

PLAIN_TESTS = "message_tests"
"""The built-in recipe behind `--tests`."""


def import_file(file: Path, recipe: str, *, tenant: str | None, as_json: bool) -> None:
    """Bring a file in as its recipe says, and tell what came of it."""
    loaded = settings_module.load()
    with progress("Opening the store …") as log:

        def tell(stage: str, share: float) -> None:
            log.info("%s: %s, %.0f %% …", file.name, stage, 100 * share)

        imported = load.import_file(open_store(loaded), file, recipe, tenant=tenant, progress=tell)
    if as_json:
        print_json(imported)
    else:
        _show_tests(imported) if isinstance(imported, ImportedTests) else _show_leads(imported)


def _show_leads(imported: Imported) -> None:
    share = imported.conversions / max(imported.leads, 1)
    console.print(
        f"{imported.leads:,} leads of {', '.join(imported.tenants)}: {imported.conversions:,} converted ({share:.1%}). "
        f"{imported.changed:,} were new or changed.",
    )
    if imported.synthetic_time:
        console.print(
            "The file has no times: their order was kept, every outcome counts as resolved, and nothing will be "
            "learned about hours or gaps.",
        )
    console.print("Next: learnback learn")


def _show_tests(imported: ImportedTests) -> None:
    share = imported.conversions / max(imported.shown, 1)
    console.print(
        f"{imported.tests:,} message tests of {', '.join(imported.tenants)}: {imported.variants:,} texts, shown "
        f"{imported.shown:,} times, {imported.conversions:,} converted ({share:.1%}). {imported.changed:,} were new or "
        "changed.",
    )
    console.print("Next: learnback learn")
