"""Behind `learnback check`: the contract first, then extraction and checks, and nothing that publishes."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import typer
from rich.table import Table

import settings as settings_module
from cli.learning import QUARANTINED
from cli.opening import open_store
from cli.terminal import console, open_page, print_json, progress
from contracts.defects import CATALOGUE
from reports import words
from settings import Settings
from store import extract
from store.lake import Manifest
from tasks.checking import documents, groups, suite, verdict, volumes
from tasks.checking.verdict import CheckResult
from tasks.stages import counting


def check(*, docs: bool, as_json: bool) -> None:
    """Check everything that a run would check."""
    loaded = settings_module.load()
    with progress("Checking the source against the contract …") as log:
        open_store(loaded)
        now = datetime.now(UTC)
        suite.load(suite.path_of(loaded))  # one that cannot be read is told before minutes of extraction
        verdict.warm_up()
        drifted: list[str] = []
        manifest = extract.extract(loaded, run_id=uuid4(), as_of=now, now=now, tell=counting(), notice=drifted.append)
        log.info("Checking every tenant's data …")
        result = _checked(loaded, manifest)
    if as_json:
        print_json(
            {
                "drifted": drifted,
                "rows": result.rows,
                "dropped": result.dropped,
                "quarantined": result.quarantined,
                "listing": result.listing,
            }
        )
    else:
        for sentence in drifted:
            console.print(f"The source has drifted: {sentence}", style="yellow", soft_wrap=True)
        _show(result)
    if docs:
        page = documents.write_docs(result, loaded.root / "data_docs")
        open_page(page)
    if result.quarantined:
        raise typer.Exit(QUARANTINED)


def _checked(loaded: Settings, manifest: Manifest) -> CheckResult:
    last = volumes.last_volumes(loaded, manifest)
    return verdict.conclude(
        loaded, manifest, [groups.check_group(manifest, group, last) for group in range(manifest.groups)]
    )


def _show(result: CheckResult) -> None:
    console.print(
        "Every column that the contract asks for is there, with the right type. Rows: "
        + ", ".join(words.plural(rows, name.removesuffix("s"), name) for name, rows in result.rows.items()),
    )
    if result.dropped:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for column in ("defect", "rows", "meaning"):
            table.add_column(column, overflow="fold")
        for code, rows in result.dropped.items():
            table.add_row(code, f"{rows:,}", f"{CATALOGUE[code].extract} that {CATALOGUE[code].sentence}")
        console.print(table)
    for left_out in result.quarantined:
        console.print(f"{left_out.tenant} would be quarantined: {left_out.reason}", style="red")
    if not result.dropped and not result.quarantined:
        console.print("No defect was found.")
